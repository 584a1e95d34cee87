"""Time and timers. Tests pass their own clock instead of sleeping or patching."""

from collections.abc import Callable
from datetime import datetime
from typing import Protocol, runtime_checkable


class Timer(Protocol):
    """A scheduled call."""

    def cancel(self) -> None:
        """Cancel the call. Does nothing if the call has already happened."""


@runtime_checkable
class Clock(Protocol):
    """Provides the wall clock, for stored times, and the monotonic clock, for timers."""

    def now(self) -> datetime:
        """Return the wall clock time as an aware datetime in UTC, truncated to milliseconds."""
        ...

    def monotonic(self) -> float:
        """Return the seconds of a clock that is never adjusted."""
        ...

    def call_later(self, delay_seconds: float, callback: Callable[[], None]) -> Timer:
        """Call ``callback`` once on the event loop, after a delay by the monotonic clock."""
        ...
