"""How late the event loop runs what is due."""

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager

_TICK_SECONDS = 0.005


class LoopLag:
    """The worst so far.

    Attributes:
        worst_seconds: By how much a timer was late.
    """

    def __init__(self) -> None:
        self.worst_seconds = 0.0
        self._loop = asyncio.get_running_loop()
        self._due_at = self._loop.time()
        self._timer = self._loop.call_soon(self._tick)

    def _tick(self) -> None:
        now = self._loop.time()
        self.worst_seconds = max(self.worst_seconds, now - self._due_at)
        self._due_at = now + _TICK_SECONDS
        self._timer = self._loop.call_at(self._due_at, self._tick)

    def stop(self) -> None:
        """Measure no more; what is late right now counts."""
        self._timer.cancel()
        self.worst_seconds = max(self.worst_seconds, self._loop.time() - self._due_at)


@contextmanager
def measured_lag() -> Iterator[LoopLag]:
    """The lag of what runs inside."""
    lag = LoopLag()
    yield lag
    lag.stop()
