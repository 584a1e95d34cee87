"""`Scheduler`: runs the methods with `cron`, `interval` and `timeout`."""

import asyncio
from collections.abc import Callable, Coroutine, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

import structlog

from app.framework.background.clock import Clock
from app.framework.background.explorer import Explorer
from app.framework.background.handler_tasks import HandlerTasks
from app.framework.background.method_decorators import Handler, MethodDecorator, decorated_methods
from app.framework.common.exceptions import BootError
from app.framework.common.minute_log import MinuteLog
from app.framework.schedule.decorators import CRON, INTERVAL, TIMEOUT, CronOptions
from app.framework.schedule.triggers import Start, run_at_intervals, run_at_times, run_once

MAX_OVERLAPPING_RUNS = 8
"""The maximum number of runs of one job at the same time."""

_log = structlog.stdlib.get_logger("Scheduler")


@dataclass(frozen=True, slots=True)
class ScheduleOptions:
    """The options of `ScheduleModule.for_root`.

    Attributes:
        cron_jobs: Whether methods with `cron` run; likewise ``intervals`` and ``timeouts``.
        stop_seconds: The time that running jobs have to end when the application stops.
        clock: Tests pass a `ManualClock`.
    """

    cron_jobs: bool
    intervals: bool
    timeouts: bool
    stop_seconds: float
    clock: Clock


@dataclass(slots=True)
class _Job:
    handler: Handler
    trigger: Callable[[Clock, Start], Coroutine[Any, Any, None]]
    max_running: int = MAX_OVERLAPPING_RUNS
    running: int = 0


class Scheduler(Explorer):
    """Runs the jobs from ``on_application_bootstrap`` until ``on_module_destroy``.

    As in Nest, runs of one job may overlap. If `MAX_OVERLAPPING_RUNS` of them are running, further
    runs are skipped, and logged.
    """

    decorators = (CRON, INTERVAL, TIMEOUT)

    def __init__(self, options: ScheduleOptions) -> None:
        self._options = options
        self._tasks = HandlerTasks("Scheduler", options.stop_seconds)
        self._jobs: list[_Job] = []
        self._triggers: list[asyncio.Task[None]] = []
        self._skipped = MinuteLog(
            lambda what, job, times: _log.warning(what, handler=job, times=times)
        )

    def explore(self, providers: Sequence[object]) -> None:
        """Collect the jobs of all providers."""
        if self._options.stop_seconds < 0:
            raise BootError("ScheduleModule.for_root: stop_seconds must be at least 0")
        names: dict[tuple[MethodDecorator, str], str] = {}
        for provider in providers:
            for decorator in self.decorators:
                for handler, uses in decorated_methods(provider, decorator):
                    for use in uses:
                        _check(handler, decorator, use.name, names)
                        self._add(handler, decorator, use)

    def on_application_bootstrap(self) -> None:
        """Start to run the jobs. This runs after the hooks of all other providers."""
        for job in self._jobs:
            task = asyncio.create_task(self._watch(job), name=f"schedule-{job.handler.name}")
            self._triggers.append(task)

    async def on_module_destroy(self) -> None:
        """Start no more runs, and wait for the running ones; see `HandlerTasks.stop`.

        This runs before the hooks of all other providers.
        """
        for task in self._triggers:
            task.cancel()
        if self._triggers:
            await asyncio.wait(self._triggers)
        await self._tasks.stop()

    def _add(self, handler: Handler, decorator: MethodDecorator, use: Any) -> None:
        if decorator is CRON:
            self._add_cron(handler, use)
        elif decorator is INTERVAL and self._options.intervals:
            self._jobs.append(_Job(handler, partial(run_at_intervals, use.seconds)))
        elif decorator is TIMEOUT and self._options.timeouts:
            self._jobs.append(_Job(handler, partial(run_once, use.seconds)))

    def _add_cron(self, handler: Handler, use: CronOptions) -> None:
        if self._options.cron_jobs and not use.disabled:
            max_running = 1 if use.wait_for_completion else MAX_OVERLAPPING_RUNS
            self._jobs.append(_Job(handler, partial(run_at_times, use.schedule), max_running))

    async def _watch(self, job: _Job) -> None:
        try:
            await job.trigger(self._options.clock, partial(self._start, job))
        except Exception:  # noqa: BLE001 - other jobs must continue
            _log.exception("schedule failed", handler=job.handler.name)

    def _start(self, job: _Job) -> None:
        if job.running >= job.max_running:
            self._skipped.count("run skipped: earlier runs have not ended", job.handler.name)
            return
        started = self._tasks.start(job.handler.name, job.handler.call)
        if isinstance(started, asyncio.Future):
            job.running += 1
            started.add_done_callback(partial(_end_run, job))


def _end_run(job: _Job, _: "asyncio.Future[Any]") -> None:
    job.running -= 1


def _check(
    handler: Handler,
    decorator: MethodDecorator,
    name: str | None,
    names: dict[tuple[MethodDecorator, str], str],
) -> None:
    subject = f"{handler.name}: @{decorator.name}"
    if handler.required_arguments:
        raise BootError(f"{subject}: the method receives no arguments; remove its parameters")
    if name is None:
        return
    if (decorator, name) in names:
        other = names[decorator, name]
        raise BootError(f"{subject}: {other} already has the name '{name}'; choose another one")
    names[decorator, name] = handler.name
