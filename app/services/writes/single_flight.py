"""Single flight: the callers that ask the same question at the same time share one answer."""

import asyncio
from collections.abc import Callable, Coroutine, Hashable
from contextvars import Context
from typing import Any, Generic, TypeVar

from app.domain.errors import Unavailable
from app.domain.time_limits import WAIT_SECONDS

Key = TypeVar("Key", bound=Hashable)
Answer = TypeVar("Answer")


class SingleFlight(Generic[Key, Answer]):
    """Asks a question about each key at most once at a time.

    Callers that come while a key's question is under way share the next one, which begins when the
    first has ended: every answer is to a question that was asked after its caller came. However
    many callers there are, a key has one question under way and one waiting at most. A question is
    not given up when its callers are cancelled.

    Args:
        ask: Answers the question about a key.
    """

    def __init__(self, ask: Callable[[Key], Coroutine[Any, Any, Answer]]) -> None:
        self._ask = ask
        self._under_way: dict[Key, asyncio.Task[Answer]] = {}
        self._waiting: dict[Key, asyncio.Task[Answer]] = {}

    async def answer(self, key: Key) -> Answer:
        """Wait for the answer of this caller's question.

        Raises:
            Unavailable: It did not come within `WAIT_SECONDS`, or the storage failed.
            Exception: What else the question raised.
        """
        question = self._join(key)
        # Not awaited itself, which would cancel it with its first caller.
        await asyncio.wait([question], timeout=WAIT_SECONDS)
        if not question.done() or question.cancelled():
            raise Unavailable
        error = question.exception()
        if isinstance(error, Unavailable):
            # Each caller gets its own: raising one instance in several tasks chains tracebacks.
            raise type(error)
        return question.result()

    async def close(self) -> None:
        """Cancel the questions under way; their callers get `Unavailable`."""
        questions = {*self._under_way.values(), *self._waiting.values()}
        for question in questions:
            question.cancel()
        if questions:
            await asyncio.wait(questions)

    def _join(self, key: Key) -> asyncio.Task[Answer]:
        waiting = self._waiting.get(key)
        if waiting is not None:
            return waiting
        earlier = self._under_way.get(key)
        # In a context of its own: what it logs is not about one caller's event.
        question = asyncio.create_task(
            self._asked_after(earlier, key), name="single-flight", context=Context()
        )
        question.add_done_callback(_retrieve_error)
        if earlier is None:
            self._under_way[key] = question
        else:
            self._waiting[key] = question
        return question

    async def _asked_after(self, earlier: asyncio.Task[Answer] | None, key: Key) -> Answer:
        if earlier is not None:
            await asyncio.wait([earlier])
            self._under_way[key] = self._waiting.pop(key)
        try:
            return await self._ask(key)
        finally:
            if key not in self._waiting:
                del self._under_way[key]


def _retrieve_error(question: asyncio.Task[Any]) -> None:
    """Keep asyncio from reporting an error that no caller is left to receive."""
    if not question.cancelled():
        question.exception()
