"""Measures whether the event loop is blocked."""

import asyncio
import time
from collections.abc import Iterator
from contextlib import contextmanager

_TICK_SECONDS = 0.005

LEAST_TURNS = 2
"""The minimum number of turns of an unblocked event loop. A blocked loop makes only one turn."""


class LoopLag:
    """Counts turns of the event loop, and measures the longest one.

    Attributes:
        turns: The number of turns so far.
        worst_seconds: The longest turn, in CPU seconds of the loop's thread only.
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
        """Stop counting, and include the turn that is still running."""
        self._timer.cancel()
        self._measure()


@contextmanager
def measured_lag() -> Iterator[LoopLag]:
    """Measure the event loop's turns during the ``with`` block."""
    lag = LoopLag()
    yield lag
    lag.stop()
