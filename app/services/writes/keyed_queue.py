"""Store, then tell: in one order per key, and always both. The services that write own one each."""

import asyncio
import logging
from collections import deque
from collections.abc import Callable, Coroutine, Hashable
from typing import Any, TypeVar

from app.concurrency.eager import EagerTasks
from app.domain.errors import Unavailable, Unconfirmed
from app.services.writes.limits import MAX_PENDING, WAIT_SECONDS

T = TypeVar("T")

_logger = logging.getLogger(__name__)


class KeyedQueue:
    """Runs works of one key one after another, in the order they came; other keys do not wait.

    A work begins in place when nothing of its key is going on, and is a task only if it waits.
    What has begun runs to its end, however long that takes and whether or not its caller is still
    there: were a handler cut off between commit and publish, nobody would ever hear of what was
    stored. One whose caller is cancelled before its turn still has it.
    """

    def __init__(self, wait_seconds: float = WAIT_SECONDS) -> None:
        self._tasks = EagerTasks()
        self._wait_seconds = wait_seconds
        # Who waits for a key's turn, first come first; a key is here while any work of it goes on.
        self._lines: dict[Hashable, deque[asyncio.Future[None]]] = {}
        self._pending: set[asyncio.Future[Any]] = set()

    async def run(
        self,
        key: Hashable,
        work: Callable[[], Coroutine[None, None, T]],
        wait_seconds: float | None = None,
    ) -> T:
        """What ``work`` returns or raises, once the earlier works of ``key`` are done.

        Args:
            key: Whose order it is.
            work: Is called when its turn has come.
            wait_seconds: Instead of the usual, for a work that is known to take long.

        Raises:
            Unavailable: `MAX_PENDING` works are waiting already, or its turn did not come in
                ``wait_seconds``; it was not begun and will not be.
            Unconfirmed: It was begun and takes longer than that; it goes on.
        """
        if len(self._pending) >= MAX_PENDING:
            raise Unavailable(what="The server")
        turn = self._line_up(key)
        doing = self._tasks.start(self._in_turn(key, turn, work))
        if doing.done():
            return doing.result()
        self._pending.add(doing)
        doing.add_done_callback(self._pending.discard)
        timeout = self._wait_seconds if wait_seconds is None else wait_seconds
        try:
            await asyncio.wait([doing], timeout=timeout)
        except asyncio.CancelledError:
            doing.add_done_callback(_log_failure)
            raise
        if doing.done():
            return doing.result()
        if turn is not None and turn.cancel():
            raise Unavailable
        doing.add_done_callback(_log_failure)
        raise Unconfirmed

    async def drain(self, timeout_seconds: float) -> None:
        """Wait for what is going on; what takes longer than the timeout is cancelled."""
        if self._pending:
            _, late = await asyncio.wait(self._pending, timeout=timeout_seconds)
            for task in late:
                task.cancel()
            if late:
                await asyncio.wait(late)
        self._tasks.close()

    def _line_up(self, key: Hashable) -> "asyncio.Future[None] | None":
        """What is done when its turn comes; None if that is now."""
        line = self._lines.get(key)
        if line is None:
            self._lines[key] = deque()
            return None
        turn: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        line.append(turn)
        return turn

    async def _in_turn(
        self,
        key: Hashable,
        turn: "asyncio.Future[None] | None",
        work: Callable[[], Coroutine[None, None, T]],
    ) -> T:
        try:
            if turn is not None:
                await turn
            return await work()
        finally:
            if turn is None or not turn.cancelled():  # else it never came
                self._pass_on(key)

    def _pass_on(self, key: Hashable) -> None:
        line = self._lines[key]
        while line:
            turn = line.popleft()
            if not turn.done():  # else it was given up
                turn.set_result(None)
                return
        del self._lines[key]


def _log_failure(task: asyncio.Future[T]) -> None:
    """What nobody waits for any more; only its name, as an error's text may hold a message."""
    if not task.cancelled() and (error := task.exception()) is not None:
        _logger.warning("a work failed after its caller had gone: %s", type(error).__name__)
