"""Coroutines that start a job: at the times of a schedule, at intervals, or once."""

from collections.abc import Callable
from datetime import timedelta

from app.framework.background.clock import Clock
from app.framework.schedule.cron_schedule import CronSchedule

Start = Callable[[], None]

MAX_SLEEP_SECONDS = 60.0
"""The longest sleep of a cron job, so that a correction of the time of day is noticed soon."""

MAX_REPEATED_TIME = timedelta(hours=3)
"""If the time of day is set back by less than this, no run of a cron job is repeated.

A larger correction means that the time was wrong before. The job then follows the new time, as in
Debian's cron.
"""


async def run_at_times(schedule: CronSchedule, clock: Clock, start: Start) -> None:
    """Call ``start`` at the times of a schedule; if several times were missed, only once."""
    last = clock.now()
    while True:
        due = schedule.next_after(last)
        while last - MAX_REPEATED_TIME < (now := clock.now()) < due:
            await clock.sleep(min((due - now).total_seconds(), MAX_SLEEP_SECONDS))
        if now < due:  # the time of day was set back by `MAX_REPEATED_TIME` or more
            last = now
        else:
            start()
            last = max(due, clock.now())


async def run_at_intervals(interval_seconds: float, clock: Clock, start: Start) -> None:
    """Call ``start`` after each interval; if several intervals have passed, only once."""
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
