"""Whether the event loop goes on turning, and how long it does one thing."""

import asyncio
import time
from collections.abc import Iterator
from contextlib import contextmanager

_TICK_SECONDS = 0.005

LEAST_TURNS = 5
"""How often it turns within a second at least, on the busiest machine; a blocked one turns once."""


class LoopLag:
    """What was measured so far.

    Attributes:
        turns: How often the loop has turned for a timer.
        worst_seconds: What the loop's thread has worked between two of them at most. What other
            threads and programs do meanwhile does not count.
    """

    def __init__(self) -> None:
        self.turns = 0
        self.worst_seconds = 0.0
        self._loop = asyncio.get_running_loop()
        self._worked_seconds = time.thread_time()
        self._timer = self._loop.call_soon(self._tick)

    def _tick(self) -> None:
        self.turns += 1
        self._measure()
        self._timer = self._loop.call_later(_TICK_SECONDS, self._tick)

    def _measure(self) -> None:
        worked_seconds = time.thread_time()
        self.worst_seconds = max(self.worst_seconds, worked_seconds - self._worked_seconds)
        self._worked_seconds = worked_seconds

    def stop(self) -> None:
        """Count no more; what is done right now is measured."""
        self._timer.cancel()
        self._measure()


@contextmanager
def measured_lag() -> Iterator[LoopLag]:
    """The lag of what runs inside."""
    lag = LoopLag()
    yield lag
    lag.stop()
