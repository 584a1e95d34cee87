"""Time and timers. Tests replace the clock, so they need no sleeping and no patching."""

from collections.abc import Callable
from datetime import datetime
from typing import Protocol, runtime_checkable


class Timer(Protocol):
    """A scheduled call."""

    def cancel(self) -> None:
        """Cancel the call. Does nothing if it has happened already."""


@runtime_checkable
class Clock(Protocol):
    """Provides the wall clock for stored times, and the monotonic clock for waiting."""

    def now(self) -> datetime:
        """Return the wall clock time: aware, in UTC, cut to the millisecond."""
        ...

    def monotonic(self) -> float:
        """Return seconds that never jump."""
        ...

    def call_later(self, delay_seconds: float, callback: Callable[[], None]) -> Timer:
        """Call ``callback`` once on the event loop, after a delay by the monotonic clock."""
        ...
