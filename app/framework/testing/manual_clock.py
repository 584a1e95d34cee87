"""`ManualClock`: a clock for tests."""

import asyncio
import heapq
from datetime import UTC, datetime, timedelta
from itertools import count

from app.framework.background.clock import Clock

DEFAULT_START = datetime(2026, 1, 31, 9, 30, tzinfo=UTC)

_SETTLING_ROUNDS = 10
"""The number of event loop iterations that woken tasks get before the clock moves on."""


class ManualClock(Clock):
    """A clock that stands still until `advance` moves it.

    Pass it to a module: ``ScheduleModule.for_root(clock=clock)``.
    """

    def __init__(self, start: datetime = DEFAULT_START) -> None:
        self._start = start
        self._elapsed_seconds = 0.0
        self._order = count()
        self._sleepers: list[tuple[float, int, asyncio.Future[None]]] = []

    def now(self) -> datetime:
        """Return the start plus all advances and jumps."""
        return self._start + timedelta(seconds=self._elapsed_seconds)

    def monotonic(self) -> float:
        """Return the total of all advances in seconds."""
        return self._elapsed_seconds

    async def sleep(self, seconds: float) -> None:
        """Wait until `advance` has moved the clock by this number of seconds."""
        future = asyncio.get_running_loop().create_future()
        due = self._elapsed_seconds + seconds
        heapq.heappush(self._sleepers, (due, next(self._order), future))
        await future

    async def advance(self, seconds: float) -> None:
        """Move the clock, and wake the sleeping tasks in order, each when its time is reached."""
        end = self._elapsed_seconds + seconds
        await _settle()
        while self._sleepers and self._sleepers[0][0] <= end:
            due, _, future = heapq.heappop(self._sleepers)
            if not future.done():  # done if its task was cancelled
                self._elapsed_seconds = max(self._elapsed_seconds, due)
                future.set_result(None)
                await _settle()
        self._elapsed_seconds = end

    def jump(self, seconds: float) -> None:
        """Move only the time of day, like a correction of the system clock."""
        self._start += timedelta(seconds=seconds)


async def _settle() -> None:
    for _ in range(_SETTLING_ROUNDS):
        await asyncio.sleep(0)
