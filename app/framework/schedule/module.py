"""`ScheduleModule`: provides the `Scheduler`."""

from dependency_injector import containers, providers

from app.framework.background.clock import Clock
from app.framework.schedule.scheduler import ScheduleOptions, Scheduler


class ScheduleModule(containers.DeclarativeContainer):
    """Nest's ``ScheduleModule``.

    Write ``schedule = ScheduleModule.for_root()`` in the root module.
    """

    options: providers.Dependency[ScheduleOptions] = providers.Dependency(
        instance_of=ScheduleOptions
    )
    scheduler = providers.Singleton(Scheduler, options)

    @staticmethod
    def for_root(
        *,
        cron_jobs: bool = True,
        intervals: bool = True,
        timeouts: bool = True,
        stop_seconds: float = 5.0,
        clock: Clock | None = None,
    ) -> "providers.Container[ScheduleModule]":
        """Return the module with these `ScheduleOptions`."""
        options = ScheduleOptions(cron_jobs, intervals, timeouts, stop_seconds, clock or Clock())
        return providers.Container(ScheduleModule, options=options)
