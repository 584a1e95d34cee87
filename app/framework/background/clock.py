"""`Clock`: the time that schedules and limits follow. Tests replace it to avoid waiting."""

import asyncio
import time
from datetime import UTC, datetime
from typing import Self

from dependency_injector import providers


class Clock:
    """The machine's clock. Tests pass a `ManualClock` instead."""

    def now(self) -> datetime:
        """Return the date and time, which the system may correct while the process runs."""
        return datetime.now(UTC)

    def monotonic(self) -> float:
        """Return the seconds since an arbitrary moment, unaffected by corrections of the date."""
        return time.monotonic()

    async def sleep(self, seconds: float) -> None:
        """Wait until `monotonic` has increased by this number of seconds."""
        await asyncio.sleep(seconds)

    def __deepcopy__(self, memo: object) -> Self:
        """Return this clock, not a copy: dependency-injector copies the arguments of modules."""
        return self


def clock_provider(clock: Clock | providers.Provider[Clock] | None) -> providers.Provider[Clock]:
    """Return a provider of the clock in a module's option; for None, of the machine's clock.

    A `Clock` that is passed to a module without a provider would be wrapped in two providers by
    dependency-injector.
    """
    return clock if isinstance(clock, providers.Provider) else providers.Object(clock or Clock())
