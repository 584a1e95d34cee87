"""The machine's own clocks."""

import asyncio
import time
from collections.abc import Callable
from datetime import UTC, datetime

from app.ports import Clock, Timer


class SystemClock(Clock):
    """Real time; timers run on the event loop that asks for them."""

    def now(self) -> datetime:
        """The wall clock, cut to the millisecond."""
        milliseconds = time.time_ns() // 1_000_000
        return datetime.fromtimestamp(milliseconds / 1000, UTC)

    def monotonic(self) -> float:
        """Seconds that never jump."""
        return time.monotonic()

    def call_later(self, delay_seconds: float, callback: Callable[[], None]) -> Timer:
        """Call back once on the running event loop."""
        return asyncio.get_running_loop().call_later(delay_seconds, callback)
