"""`ScheduleModule`: provides `SchedulerRegistry` and `Scheduler`."""

from dependency_injector import containers, providers

from app.framework.background.clock import Clock, clock_provider
from app.framework.common.providers import global_
from app.framework.schedule.registry import SchedulerRegistry
from app.framework.schedule.scheduler import ScheduleOptions, Scheduler


@global_
class ScheduleModule(containers.DeclarativeContainer):
    """Nest's ``ScheduleModule``, which is global.

    Write ``schedule = ScheduleModule.for_root()`` in the root module. Modules with providers that
    add or delete jobs declare ``imported(SchedulerRegistry)``.
    """

    options: providers.Dependency[ScheduleOptions] = providers.Dependency(
        instance_of=ScheduleOptions
    )
    clock: providers.Dependency[Clock] = providers.Dependency(instance_of=Clock)
    registry = providers.Singleton(SchedulerRegistry, options.provided.stop_seconds, clock)
    scheduler = providers.Singleton(Scheduler, registry, options)

    @staticmethod
    def for_root(
        *,
        cron_jobs: bool = True,
        intervals: bool = True,
        timeouts: bool = True,
        stop_seconds: float = 5.0,
        clock: Clock | providers.Provider[Clock] | None = None,
    ) -> "providers.Container[ScheduleModule]":
        """Return the module with these `ScheduleOptions`.

        Args:
            clock: A clock, or a provider of one. Tests pass a `ManualClock`, or override `Clock`.
        """
        options = ScheduleOptions(cron_jobs, intervals, timeouts, stop_seconds)
        return providers.Container(
            ScheduleModule, options=providers.Object(options), clock=clock_provider(clock)
        )
