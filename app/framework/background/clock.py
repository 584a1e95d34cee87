"""`Clock`: the time that schedules and limits follow. Tests replace it, so they need not wait."""

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
        """Return this clock: dependency-injector copies the arguments of modules."""
        return self


def clock_provider(clock: Clock | providers.Provider[Clock] | None) -> providers.Provider[Clock]:
    """Return a provider of a module's option ``clock``; if None, of the machine's clock.

    If a module received the clock itself, dependency-injector would wrap it in two providers.
    """
    return clock if isinstance(clock, providers.Provider) else providers.Object(clock or Clock())
