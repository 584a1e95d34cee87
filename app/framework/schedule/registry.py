"""`SchedulerRegistry`: starts and stops jobs by name."""

import asyncio
from collections.abc import Callable, Coroutine
from contextvars import Context
from dataclasses import dataclass
from enum import StrEnum
from functools import partial
from math import inf
from typing import Any

import structlog

from app.framework.background.clock import Clock
from app.framework.background.handler_tasks import HandlerTasks, name_of
from app.framework.common.minute_log import MinuteLog
from app.framework.schedule.cron_schedule import CronSchedule
from app.framework.schedule.triggers import Start, run_at_intervals, run_at_times, run_once

MAX_JOBS = 10_000
"""The maximum number of jobs of an application."""

MAX_OVERLAPPING_RUNS = 8
"""The maximum number of runs of one job at the same time."""

Trigger = Callable[[Clock, Start], Coroutine[Any, Any, None]]

_log = structlog.stdlib.get_logger("Scheduler")


class JobKind(StrEnum):
    """The kinds of jobs. Jobs of different kinds may have the same name."""

    CRON = "cron"
    INTERVAL = "interval"
    TIMEOUT = "timeout"


@dataclass(slots=True)
class Job:
    """A function, and the trigger that determines when it runs.

    Attributes:
        handler_name: The name of the function for logs.
    """

    trigger: Trigger
    call: Callable[[], Any]
    handler_name: str
    max_running: int = MAX_OVERLAPPING_RUNS
    is_disabled: bool = False
    running: int = 0


class SchedulerRegistry:
    """Nest's ``SchedulerRegistry``: adds and deletes jobs while the application runs.

    Methods with the decorator `cron`, `interval` or `timeout` are jobs too. Deleting a job prevents
    further runs, but does not cancel current runs. A timeout is deleted when it has run.

    The ``add`` methods raise `ValueError` for a name that exists, an invalid time or an invalid
    expression, and `RuntimeError` if there are `MAX_JOBS` jobs. The ``delete`` methods raise
    `LookupError` if there is no such job. When the application stops, all jobs are deleted. After
    that, adding or deleting a job has no effect, for example in ``handle_disconnect``.
    """

    def __init__(self, stop_seconds: float, clock: Clock) -> None:
        self._clock = clock
        self._tasks = HandlerTasks("Scheduler", stop_seconds)
        self._triggers: dict[tuple[JobKind, str], asyncio.Task[None]] = {}
        self._skipped = MinuteLog(
            lambda what, job, times: _log.warning(what, handler=job, times=times)
        )

    def add_cron_job(
        self, name: str, expression: str, callback: Callable[[], Any], *, time_zone: str = "UTC"
    ) -> None:
        """Call a function, which may be async, at the times of a cron expression."""
        schedule = CronSchedule(expression, time_zone)
        self._add(JobKind.CRON, name, partial(run_at_times, schedule), callback)

    def add_interval(self, name: str, milliseconds: float, callback: Callable[[], Any]) -> None:
        """Call a function, which may be async, after each interval."""
        seconds = _seconds(milliseconds)
        self._add(JobKind.INTERVAL, name, partial(run_at_intervals, seconds), callback)

    def add_timeout(self, name: str, milliseconds: float, callback: Callable[[], Any]) -> None:
        """Call a function, which may be async, once after a delay, which may be 0."""
        seconds = 0.0 if milliseconds == 0 else _seconds(milliseconds)
        self._add(JobKind.TIMEOUT, name, partial(run_once, seconds), callback)

    def delete_cron_job(self, name: str) -> None:
        """Delete a job of `add_cron_job` or of the decorator ``cron``."""
        self._delete(JobKind.CRON, name)

    def delete_interval(self, name: str) -> None:
        """Delete a job of `add_interval` or of the decorator ``interval``."""
        self._delete(JobKind.INTERVAL, name)

    def delete_timeout(self, name: str) -> None:
        """Delete a job of `add_timeout` or of the decorator ``timeout``."""
        self._delete(JobKind.TIMEOUT, name)

    def get_cron_jobs(self) -> list[str]:
        """Return the names of the cron jobs."""
        return self._names(JobKind.CRON)

    def get_intervals(self) -> list[str]:
        """Return the names of the intervals."""
        return self._names(JobKind.INTERVAL)

    def get_timeouts(self) -> list[str]:
        """Return the names of the timeouts that have not run."""
        return self._names(JobKind.TIMEOUT)

    def start(self, kind: JobKind, name: str, job: Job) -> None:
        """Start a job; `Scheduler` calls this for each decorated method."""
        if self._tasks.is_stopped:
            return
        if (kind, name) in self._triggers:
            raise ValueError(f"there is already a job of the kind {kind} with the name '{name}'")
        if len(self._triggers) >= MAX_JOBS:
            raise RuntimeError(f"there are already {MAX_JOBS} jobs; delete some")
        # Use an empty context: otherwise the job would log the ids of the event that added the job,
        # and keep the event's client in memory.
        task = asyncio.create_task(
            self._watch(job), name=f"schedule-{job.handler_name}", context=Context()
        )
        self._triggers[kind, name] = task
        task.add_done_callback(partial(self._forget, (kind, name)))

    async def stop(self) -> None:
        """Prevent further runs, and wait for the current ones; see `HandlerTasks.stop`."""
        triggers = list(self._triggers.values())
        for task in triggers:
            task.cancel()
        await self._tasks.stop()
        if triggers:
            await asyncio.wait(triggers)

    def _add(self, kind: JobKind, name: str, trigger: Trigger, call: Callable[[], Any]) -> None:
        self.start(kind, name, Job(trigger, call, name_of(call)))

    def _delete(self, kind: JobKind, name: str) -> None:
        if self._tasks.is_stopped:
            return
        task = self._triggers.pop((kind, name), None)
        if task is None:
            raise LookupError(f"there is no job of the kind {kind} with the name '{name}'")
        task.cancel()

    def _names(self, kind: JobKind) -> list[str]:
        return [name for each, name in self._triggers if each is kind]

    def _forget(self, key: tuple[JobKind, str], task: asyncio.Task[None]) -> None:
        if self._triggers.get(key) is task:  # a deleted job may have been replaced
            del self._triggers[key]

    async def _watch(self, job: Job) -> None:
        try:
            await job.trigger(self._clock, partial(self._run, job))
        except Exception:  # noqa: BLE001 - other jobs must continue
            _log.exception("schedule failed", handler=job.handler_name)

    def _run(self, job: Job) -> None:
        if job.running >= job.max_running:
            self._skipped.count("run skipped: earlier runs have not ended", job.handler_name)
            return
        started = self._tasks.start(job.handler_name, job.call)
        if isinstance(started, asyncio.Future):
            job.running += 1
            started.add_done_callback(partial(_end_run, job))


def _end_run(job: Job, _: "asyncio.Future[Any]") -> None:
    job.running -= 1


def _seconds(milliseconds: float) -> float:
    if not 0 < milliseconds < inf:
        raise ValueError(f"{milliseconds!r} milliseconds is not a positive time")
    return milliseconds / 1000
