"""A clock for tests. It replaces `SystemClock`, so that tests need not sleep."""

import heapq
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from itertools import count

from app.ports import Clock, Timer

DEFAULT_START = datetime(2026, 1, 31, 9, 30, tzinfo=UTC)


class ManualClock(Clock):
    """A wall clock and a monotonic clock.

    `advance` moves both, and runs the timers that are due.
    """

    def __init__(self, start: datetime = DEFAULT_START) -> None:
        self._start = start
        self._elapsed_seconds = 0.0
        self._order = count()
        self._timers: list[tuple[float, int, _ManualTimer]] = []

    def now(self) -> datetime:
        """Return the start plus all advances, truncated to milliseconds."""
        moment = self._start + timedelta(seconds=self._elapsed_seconds)
        return moment.replace(microsecond=moment.microsecond // 1000 * 1000)

    def monotonic(self) -> float:
        """Return the total of all advances in seconds."""
        return self._elapsed_seconds

    def call_later(self, delay_seconds: float, callback: Callable[[], None]) -> Timer:
        """Schedule the callback; `advance` calls it when the clock reaches its time."""
        timer = _ManualTimer(callback)
        due = self._elapsed_seconds + delay_seconds
        heapq.heappush(self._timers, (due, next(self._order), timer))
        return timer

    def advance(self, seconds: float) -> None:
        """Move both clocks, and run all timers that become due, in order and each at its own time.

        Timers that a callback sets also run if they become due within ``seconds``.
        """
        end = self._elapsed_seconds + seconds
        while self._timers and self._timers[0][0] <= end:
            due, _, timer = heapq.heappop(self._timers)
            self._elapsed_seconds = max(self._elapsed_seconds, due)
            timer.run()
        self._elapsed_seconds = end

    def jump(self, seconds: float) -> None:
        """Move only the wall clock, like a correction of the system clock."""
        self._start += timedelta(seconds=seconds)


class _ManualTimer(Timer):
    def __init__(self, callback: Callable[[], None]) -> None:
        self._callback: Callable[[], None] | None = callback

    def cancel(self) -> None:
        self._callback = None

    def run(self) -> None:
        callback, self._callback = self._callback, None
        if callback is not None:
            callback()
