"""The machine's own clocks."""

import asyncio
import time
from collections.abc import Callable
from contextvars import Context
from datetime import UTC, datetime

from app.ports import Clock, Timer


class SystemClock(Clock):
    """Real time; timers run on the event loop that asks for them."""

    def now(self) -> datetime:
        """The wall clock, cut to the millisecond."""
        milliseconds = time.time_ns() // 1_000_000
        return datetime.fromtimestamp(milliseconds / 1000, UTC)

    # The system's own, without a call in between: every event asks.
    monotonic = staticmethod(time.monotonic)

    def call_later(self, delay_seconds: float, callback: Callable[[], None]) -> Timer:
        """Call back once on the running event loop."""
        # A context of its own: what is logged then must not bear the names of the event that set
        # the timer, and the timer must not keep that event's client in memory.
        return asyncio.get_running_loop().call_later(delay_seconds, callback, context=Context())
