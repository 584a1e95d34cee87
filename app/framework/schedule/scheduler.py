"""`Scheduler`: runs the methods with `cron`, `interval` and `timeout`."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

from app.framework.background.explorer import Explorer
from app.framework.background.method_decorators import Handler, MethodDecorator, decorated_methods
from app.framework.common.exceptions import BootError
from app.framework.schedule.decorators import CRON, INTERVAL, TIMEOUT
from app.framework.schedule.registry import (
    MAX_OVERLAPPING_RUNS,
    Job,
    JobKind,
    SchedulerRegistry,
)
from app.framework.schedule.triggers import run_at_intervals, run_at_times, run_once


@dataclass(frozen=True, slots=True)
class ScheduleOptions:
    """The options of `ScheduleModule.for_root`.

    Attributes:
        cron_jobs: Whether methods with `cron` run.
        intervals: Whether methods with `interval` run.
        timeouts: Whether methods with `timeout` run.
        stop_seconds: The time that running jobs have to end when the application stops.
    """

    cron_jobs: bool
    intervals: bool
    timeouts: bool
    stop_seconds: float


class Scheduler(Explorer):
    """Runs the decorated methods from ``on_application_bootstrap`` until ``on_module_destroy``.

    As in Nest, runs of one job may overlap. While `MAX_OVERLAPPING_RUNS` runs of a job have not
    ended, further runs are skipped and logged.
    """

    decorators = (CRON, INTERVAL, TIMEOUT)

    def __init__(self, registry: SchedulerRegistry, options: ScheduleOptions) -> None:
        self._registry = registry
        self._options = options
        self._jobs: dict[tuple[JobKind, str], Job] = {}

    def explore(self, providers: Sequence[object]) -> None:
        """Collect the jobs of all providers."""
        if self._options.stop_seconds < 0:
            raise BootError("ScheduleModule.for_root: stop_seconds must be at least 0")
        for provider in providers:
            for decorator in self.decorators:
                for handler, uses in decorated_methods(provider, decorator):
                    for use in uses:
                        self._add(handler, decorator, use)

    def on_application_bootstrap(self) -> None:
        """Start the jobs. This hook runs after the same hook of all other providers."""
        options = self._options
        enabled = {
            JobKind.CRON: options.cron_jobs,
            JobKind.INTERVAL: options.intervals,
            JobKind.TIMEOUT: options.timeouts,
        }
        for (kind, name), job in self._jobs.items():
            if enabled[kind] and not job.is_disabled:
                self._registry.start(kind, name, job)

    async def on_module_destroy(self) -> None:
        """Stop all jobs. This hook runs before the same hook of all other providers."""
        await self._registry.stop()

    def _add(self, handler: Handler, decorator: MethodDecorator, use: Any) -> None:
        subject = f"{handler.name}: @{decorator.name}"
        if handler.required_arguments:
            raise BootError(f"{subject}: the method receives no arguments; remove its parameters")
        kind = JobKind(decorator.name)
        key = (kind, use.name or f"{handler.name}-{len(self._jobs)}")
        if key in self._jobs:
            other = self._jobs[key].handler_name
            raise BootError(
                f"{subject}: {other} already has the name '{use.name}'; choose another one"
            )
        self._jobs[key] = _job_of(kind, handler, use)


def _job_of(kind: JobKind, handler: Handler, use: Any) -> Job:
    if kind is JobKind.CRON:
        return Job(
            partial(run_at_times, use.schedule),
            handler.call,
            handler.name,
            max_running=1 if use.wait_for_completion else MAX_OVERLAPPING_RUNS,
            is_disabled=use.disabled,
        )
    trigger = run_at_intervals if kind is JobKind.INTERVAL else run_once
    return Job(partial(trigger, use.seconds), handler.call, handler.name)
