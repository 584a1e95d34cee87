"""Time, so that tests need no sleeping and no patching."""

from collections.abc import Callable
from datetime import datetime
from typing import Protocol, runtime_checkable


class Timer(Protocol):
    """A call that is still to come."""

    def cancel(self) -> None:
        """The call will not happen. Harmless when it already has."""


@runtime_checkable
class Clock(Protocol):
    """The wall clock for what is written down, the monotonic one for what is waited for."""

    def now(self) -> datetime:
        """The wall clock: aware, UTC, cut to the millisecond as wire and tables hold it."""
        ...

    def monotonic(self) -> float:
        """Seconds that never jump."""
        ...

    def call_later(self, delay_seconds: float, callback: Callable[[], None]) -> Timer:
        """Call back once, on the event loop, after a delay by the monotonic clock."""
        ...
