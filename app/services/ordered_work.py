"""Store, then tell: in one order per key, and always both. The services that write own one each."""

import asyncio
from collections.abc import Callable, Coroutine, Hashable
from typing import TypeVar
from weakref import WeakValueDictionary

from app.domain.errors import Unavailable

MAX_PENDING = 10_000

DRAIN_TIMEOUT_SECONDS = 5.0
"""For the owners' shutdown: longer than the storage takes to give up."""

T = TypeVar("T")


class OrderedWork:
    """Runs works of one key one after another, in the order they came; other keys do not wait.

    A work once begun or waiting runs to its end, even when its caller is cancelled: were a handler
    cut off between commit and publish, nobody would ever hear of what was stored.
    """

    def __init__(self) -> None:
        # Held by the works that use them, so the map is no larger than what is going on.
        self._locks: WeakValueDictionary[Hashable, asyncio.Lock] = WeakValueDictionary()
        self._pending: set[asyncio.Task[object]] = set()

    async def run(self, key: Hashable, work: Callable[[], Coroutine[None, None, T]]) -> T:
        """What ``work`` returns or raises, once the earlier works of ``key`` are done.

        Raises:
            Unavailable: `MAX_PENDING` works are waiting already; this one was not begun.
        """
        if len(self._pending) >= MAX_PENDING:
            raise Unavailable(what="The server")
        task = asyncio.create_task(self._in_turn(key, work))
        self._pending.add(task)
        task.add_done_callback(self._pending.discard)
        return await asyncio.shield(task)

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
        lock = self._locks.get(key)
        if lock is None:
            lock = self._locks[key] = asyncio.Lock()
        async with lock:
            return await work()
