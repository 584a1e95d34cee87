"""`Clock`: the time of the modules that wait, so that tests need not wait."""

import asyncio
import time
from datetime import UTC, datetime
from typing import Self

from dependency_injector import providers


class Clock:
    """The time of the machine. Tests pass a `ManualClock` instead."""

    def now(self) -> datetime:
        """Return the time of day, which may be corrected while the process runs."""
        return datetime.now(UTC)

    def monotonic(self) -> float:
        """Return the seconds since an arbitrary moment; this time is never corrected."""
        return time.monotonic()

    async def sleep(self, seconds: float) -> None:
        """Wait for so many seconds of `monotonic`."""
        await asyncio.sleep(seconds)

    def __deepcopy__(self, memo: object) -> Self:
        """Return this clock: dependency-injector copies the arguments of modules."""
        return self


def clock_provider(clock: Clock | providers.Provider[Clock] | None) -> providers.Provider[Clock]:
    """Return the provider for the option ``clock`` of a module: its clock, or the machine's.

    A value that is no provider would be wrapped in two providers.
    """
    return clock if isinstance(clock, providers.Provider) else providers.Object(clock or Clock())
