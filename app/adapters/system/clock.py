"""The clocks of the operating system."""

import asyncio
import time
from collections.abc import Callable
from contextvars import Context
from datetime import UTC, datetime

from app.ports import Clock, Timer


class SystemClock(Clock):
    """Reads the clocks of the operating system. Timers run on the current event loop."""

    def now(self) -> datetime:
        milliseconds = time.time_ns() // 1_000_000
        return datetime.fromtimestamp(milliseconds / 1000, UTC)

    # Assign the function itself: every event reads the clock, so an extra call would be costly.
    monotonic = staticmethod(time.monotonic)

    def call_later(self, delay_seconds: float, callback: Callable[[], None]) -> Timer:
        # Use an empty context: the callback must not log the ids of the event that set the timer,
        # nor keep the event's client in memory.
        return asyncio.get_running_loop().call_later(delay_seconds, callback, context=Context())
