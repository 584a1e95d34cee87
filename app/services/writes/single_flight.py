"""Single flight: concurrent callers of the same query share one result."""

import asyncio
from collections.abc import Callable, Coroutine, Hashable
from contextvars import Context
from typing import Any, Generic, TypeVar

from app.domain.errors import Unavailable
from app.domain.time_limits import WAIT_SECONDS

Key = TypeVar("Key", bound=Hashable)
Result = TypeVar("Result")


class SingleFlight(Generic[Key, Result]):
    """Runs at most one query per key at a time.

    Callers that arrive while a query of their key is running share the next query. The next query
    starts when the running one has ended, so a result is never older than the call. A key has at
    most one running and one waiting query, for any number of callers. A query continues when its
    callers are cancelled.
    """

    def __init__(self, query: Callable[[Key], Coroutine[Any, Any, Result]]) -> None:
        self._query = query
        self._running: dict[Key, asyncio.Task[Result]] = {}
        self._waiting: dict[Key, asyncio.Task[Result]] = {}

    async def get(self, key: Key) -> Result:
        """Return the result of a query that starts after this call.

        Raises:
            Unavailable: The query took longer than `WAIT_SECONDS`, or the storage failed.
            Exception: The query raised this exception.
        """
        task = self._join(key)
        # Awaiting the task itself would cancel it together with its first caller.
        await asyncio.wait([task], timeout=WAIT_SECONDS)
        if not task.done() or task.cancelled():
            raise Unavailable
        error = task.exception()
        if isinstance(error, Unavailable):
            # Each caller gets its own exception: raising one instance in several tasks would chain
            # their tracebacks.
            raise type(error)
        return task.result()

    async def close(self) -> None:
        """Cancel all queries; their callers get `Unavailable`."""
        tasks = {*self._running.values(), *self._waiting.values()}
        for task in tasks:
            task.cancel()
        if tasks:
            await asyncio.wait(tasks)

    def _join(self, key: Key) -> asyncio.Task[Result]:
        waiting = self._waiting.get(key)
        if waiting is not None:
            return waiting
        earlier = self._running.get(key)
        # Use an empty context, so that the query's log lines are not attributed to one caller's
        # event.
        task = asyncio.create_task(
            self._run_after(earlier, key), name="single-flight", context=Context()
        )
        task.add_done_callback(_retrieve_error)
        if earlier is None:
            self._running[key] = task
        else:
            self._waiting[key] = task
        return task

    async def _run_after(self, earlier: asyncio.Task[Result] | None, key: Key) -> Result:
        if earlier is not None:
            await asyncio.wait([earlier])
            self._running[key] = self._waiting.pop(key)
        try:
            return await self._query(key)
        finally:
            if key not in self._waiting:
                del self._running[key]


def _retrieve_error(task: asyncio.Task[Any]) -> None:
    """Retrieve the error; otherwise asyncio logs it if all callers were cancelled."""
    if not task.cancelled():
        task.exception()
