"""Store, then tell: in one order per key, and always both. The services that write own one each."""

import asyncio
import logging
from collections import deque
from collections.abc import Callable, Coroutine, Hashable
from typing import Any, TypeVar

from app.domain.errors import Unavailable
from app.ports import EagerStarter

MAX_PENDING = 10_000

TURN_TIMEOUT_SECONDS = 3.0
"""How long a work may wait for the earlier ones of its key: as long as for the storage itself."""

DRAIN_TIMEOUT_SECONDS = 5.0
"""For the owners' shutdown: longer than the storage takes to give up."""

T = TypeVar("T")

_logger = logging.getLogger(__name__)


class OrderedWork:
    """Runs works of one key one after another, in the order they came; other keys do not wait.

    A work begins in place when nothing of its key is going on, and is a task only if it waits.
    It waits for its turn no longer than ``turn_timeout_seconds``; one given up then was not
    begun. One whose caller is cancelled still has its turn and runs to its end: were a handler cut
    off between commit and publish, nobody would ever hear of what was stored.
    """

    def __init__(
        self, starter: EagerStarter, turn_timeout_seconds: float = TURN_TIMEOUT_SECONDS
    ) -> None:
        self._starter = starter
        self._turn_timeout_seconds = turn_timeout_seconds
        # Who waits for a key's turn, first come first; a key is here while any work of it goes on.
        self._waiting: dict[Hashable, deque[asyncio.Future[None]]] = {}
        self._pending: set[asyncio.Future[Any]] = set()

    async def run(self, key: Hashable, work: Callable[[], Coroutine[None, None, T]]) -> T:
        """What ``work`` returns or raises, once the earlier works of ``key`` are done.

        Raises:
            Unavailable: `MAX_PENDING` works are waiting already, or those of the key took too
                long; this one was not begun.
        """
        if len(self._pending) >= MAX_PENDING:
            raise Unavailable(what="The server")
        doing = self._starter.start(self._in_turn(key, work))
        if doing.done():
            return doing.result()
        self._pending.add(doing)
        doing.add_done_callback(self._pending.discard)
        try:
            await asyncio.wait([doing])
        except asyncio.CancelledError:
            doing.add_done_callback(_log_failure)
            raise
        return doing.result()

    async def drain(self, timeout_seconds: float) -> None:
        """Wait for what is going on; what takes longer than the timeout is cancelled."""
        if not self._pending:
            return
        _, late = await asyncio.wait(self._pending, timeout=timeout_seconds)
        for task in late:
            task.cancel()
        if late:
            await asyncio.wait(late)

    async def _in_turn(self, key: Hashable, work: Callable[[], Coroutine[None, None, T]]) -> T:
        waiting = self._waiting.get(key)
        if waiting is None:
            self._waiting[key] = deque()
        else:
            await self._turn(key, waiting)
        try:
            return await work()
        finally:
            self._pass_on(key)

    async def _turn(self, key: Hashable, waiting: "deque[asyncio.Future[None]]") -> None:
        turn: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        waiting.append(turn)
        try:
            async with asyncio.timeout(self._turn_timeout_seconds):
                await turn
        except BaseException as error:
            if not turn.cancelled():  # it came, and too late
                self._pass_on(key)
            if isinstance(error, TimeoutError):
                raise Unavailable from None
            raise

    def _pass_on(self, key: Hashable) -> None:
        waiting = self._waiting[key]
        while waiting:
            turn = waiting.popleft()
            if not turn.done():  # else it was given up
                turn.set_result(None)
                return
        del self._waiting[key]


def _log_failure(task: asyncio.Future[T]) -> None:
    """What nobody waits for any more; only its name, as an error's text may hold a message."""
    if not task.cancelled() and (error := task.exception()) is not None:
        _logger.warning("a work failed after its caller had gone: %s", type(error).__name__)
