"""The coroutines that start a job at its times. Each one runs until it is cancelled."""

from collections.abc import Callable

from app.framework.background.clock import Clock
from app.framework.schedule.cron_schedule import CronSchedule

Start = Callable[[], None]

MAX_SLEEP_SECONDS = 60.0
"""The longest sleep before a cron job, so that it notices corrections of the time of day."""


async def run_at_times(schedule: CronSchedule, clock: Clock, start: Start) -> None:
    """Call ``start`` at the times of a schedule. Missed times are made up for by one call."""
    due = schedule.next_after(clock.now())
    while True:
        while (seconds := (due - clock.now()).total_seconds()) > 0:
            await clock.sleep(min(seconds, MAX_SLEEP_SECONDS))
        start()
        due = schedule.next_after(max(due, clock.now()))


async def run_at_intervals(interval_seconds: float, clock: Clock, start: Start) -> None:
    """Call ``start`` again and again. Missed calls are made up for by one call."""
    due = clock.monotonic() + interval_seconds
    while True:
        await clock.sleep(due - clock.monotonic())
        start()
        due += interval_seconds
        if due <= clock.monotonic():
            due = clock.monotonic() + interval_seconds


async def run_once(delay_seconds: float, clock: Clock, start: Start) -> None:
    """Call ``start`` after a delay."""
    await clock.sleep(delay_seconds)
    start()
