import asyncio
from collections.abc import Coroutine
from datetime import UTC, datetime, timedelta
from typing import Any

from app.framework.schedule.cron_schedule import CronSchedule
from app.framework.schedule.triggers import run_at_intervals, run_at_times, run_once
from app.framework.testing import ManualClock

MIDNIGHT = datetime(2026, 1, 1, tzinfo=UTC)


class _Runs:
    """Records the time of each run, in seconds since midnight."""

    def __init__(self, clock: ManualClock) -> None:
        self._clock = clock
        self.times: list[float] = []

    def start(self) -> None:
        self.times.append((self._clock.now() - MIDNIGHT) / timedelta(seconds=1))


class _StalledClock(ManualClock):
    """A clock whose sleeps last too long, as if the process had been suspended."""

    stall_seconds = 0.0

    async def sleep(self, seconds: float) -> None:
        await super().sleep(seconds + self.stall_seconds)


async def cancelled_after(
    trigger: Coroutine[Any, Any, None], clock: ManualClock, by: float
) -> None:
    task = asyncio.create_task(trigger)
    await clock.advance(by)
    task.cancel()
    await asyncio.wait([task])


async def test_interval_runs_first_after_one_interval_and_then_regularly() -> None:
    clock = ManualClock(MIDNIGHT)
    runs = _Runs(clock)

    await cancelled_after(run_at_intervals(2.5, clock, runs.start), clock, by=10)

    assert [2.5, 5.0, 7.5, 10.0] == runs.times


async def test_interval_runs_once_for_missed_runs() -> None:
    clock = _StalledClock(MIDNIGHT)
    runs = _Runs(clock)
    task = asyncio.create_task(run_at_intervals(1.0, clock, runs.start))
    clock.stall_seconds = 4.5
    await clock.advance(5.5)
    clock.stall_seconds = 0.0
    await clock.advance(8.0)
    task.cancel()
    await asyncio.wait([task])

    assert [5.5, 11.0, 12.0, 13.0] == runs.times


async def test_timeout_runs_once() -> None:
    clock = ManualClock(MIDNIGHT)
    runs = _Runs(clock)

    await cancelled_after(run_once(3.0, clock, runs.start), clock, by=100)

    assert [3.0] == runs.times


async def test_cron_runs_at_its_times() -> None:
    clock = ManualClock(MIDNIGHT)
    runs = _Runs(clock)
    schedule = CronSchedule("0 */2 * * * *", "UTC")

    await cancelled_after(run_at_times(schedule, clock, runs.start), clock, by=300)

    assert [120, 240] == runs.times


async def test_cron_notices_within_a_minute_when_the_time_of_day_is_corrected() -> None:
    """The clock is set forward by half an hour, and then back by an hour: no run is repeated."""
    clock = ManualClock(MIDNIGHT)
    runs = _Runs(clock)
    task = asyncio.create_task(run_at_times(CronSchedule("0 * * * *", "UTC"), clock, runs.start))
    await clock.advance(1_790)
    clock.jump(1_800)
    await clock.advance(70)
    assert [3_600] == runs.times
    clock.jump(-3_600)
    await clock.advance(6_900)
    task.cancel()
    await asyncio.wait([task])

    assert [3_600] == runs.times


async def test_cron_runs_again_when_the_time_of_day_was_far_ahead() -> None:
    """The process started with a wrong date, which is corrected by three years."""
    clock = ManualClock(MIDNIGHT)
    runs = _Runs(clock)
    task = asyncio.create_task(run_at_times(CronSchedule("0 * * * *", "UTC"), clock, runs.start))
    await clock.advance(3_600)
    clock.jump(-3 * 365 * 86_400)
    await clock.advance(7_200)
    task.cancel()
    await asyncio.wait([task])

    assert [3_600, 7_200 - 3 * 365 * 86_400, 10_800 - 3 * 365 * 86_400] == runs.times
