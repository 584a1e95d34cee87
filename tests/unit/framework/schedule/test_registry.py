import asyncio
from collections.abc import AsyncIterator
from contextvars import ContextVar
from functools import partial

import pytest
import pytest_asyncio
from dependency_injector import containers, providers
from structlog.testing import capture_logs

from app.framework import NestFactory, imported
from app.framework.schedule import ScheduleModule, SchedulerRegistry, interval
from app.framework.schedule.registry import MAX_JOBS
from app.framework.testing import ManualClock


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock()


@pytest_asyncio.fixture
async def registry(clock: ManualClock) -> AsyncIterator[SchedulerRegistry]:
    registry = SchedulerRegistry(0.0, clock)
    yield registry
    await registry.stop()


async def test_jobs_of_each_kind_run_until_they_are_deleted(
    registry: SchedulerRegistry, clock: ManualClock
) -> None:
    runs: list[str] = []

    async def tick() -> None:
        runs.append("interval")

    registry.add_interval("job", 1_000, tick)
    registry.add_timeout("job", 1_500, lambda: runs.append("timeout"))
    registry.add_cron_job("job", "*/2 * * * * *", lambda: runs.append("cron"))
    names = (registry.get_intervals(), registry.get_timeouts(), registry.get_cron_jobs())
    assert (["job"], ["job"], ["job"]) == names
    await clock.advance(2.1)
    assert ["cron", "interval", "interval", "timeout"] == sorted(runs)

    registry.delete_interval("job")
    registry.delete_cron_job("job")
    assert [] == registry.get_timeouts()
    await clock.advance(10)
    assert 4 == len(runs)


async def test_name_may_be_used_again_after_its_job_was_deleted(
    registry: SchedulerRegistry, clock: ManualClock
) -> None:
    runs: list[str] = []
    registry.add_timeout("job", 1_000, lambda: runs.append("first"))
    await clock.advance(0)
    registry.delete_timeout("job")
    registry.add_timeout("job", 2_000, lambda: runs.append("second"))

    await clock.advance(1)
    assert ["job"] == registry.get_timeouts()
    await clock.advance(1)

    assert ["second"] == runs


async def test_job_that_deletes_itself_ends_its_run(
    registry: SchedulerRegistry, clock: ManualClock
) -> None:
    runs: list[str] = []

    async def once() -> None:
        registry.delete_interval("job")
        await asyncio.sleep(0)
        runs.append("ended")

    registry.add_interval("job", 1_000, once)
    await clock.advance(5)

    assert ["ended"] == runs


async def test_wrong_names_times_and_expressions_are_refused(registry: SchedulerRegistry) -> None:
    registry.add_interval("job", 1_000, print)

    with pytest.raises(ValueError, match="already a job of the kind interval with the name 'job'"):
        registry.add_interval("job", 1_000, print)
    with pytest.raises(LookupError, match="there is no job of the kind timeout with the name"):
        registry.delete_timeout("job")
    with pytest.raises(ValueError, match="0 milliseconds is not a positive time"):
        registry.add_interval("other", 0, print)
    for milliseconds in (-1, float("nan"), float("inf")):
        with pytest.raises(ValueError, match="is not a positive time"):
            registry.add_timeout("other", milliseconds, print)
    with pytest.raises(ValueError, match="it must have 5 fields"):
        registry.add_cron_job("other", "* *", print)


async def test_timeout_may_be_zero(registry: SchedulerRegistry, clock: ManualClock) -> None:
    runs: list[str] = []

    registry.add_timeout("job", 0, lambda: runs.append("timeout"))
    await clock.advance(0)

    assert ["timeout"] == runs


async def test_job_does_not_run_in_the_context_of_the_event_that_added_it(
    registry: SchedulerRegistry, clock: ManualClock
) -> None:
    """In the event's context, the job's logs would have the event's ids.

    The context would also keep the client in memory.
    """
    current = ContextVar("current", default="no event")
    found: list[str] = []

    current.set("move")
    registry.add_timeout("job", 1_000, lambda: found.append(current.get()))
    await clock.advance(1)

    assert ["no event"] == found


async def test_number_of_jobs_is_bounded(registry: SchedulerRegistry) -> None:
    for number in range(MAX_JOBS):
        registry.add_timeout(str(number), 1_000, print)

    with pytest.raises(RuntimeError, match="there are already 10000 jobs; delete some"):
        registry.add_timeout("one more", 1_000, print)


async def test_job_that_is_added_after_the_application_has_stopped_never_runs(
    registry: SchedulerRegistry, clock: ManualClock
) -> None:
    """Sockets are closed later, and a ``handle_disconnect`` that adds a job must not fail."""
    ran: list[int] = []
    await registry.stop()

    registry.add_timeout("job", 1_000, lambda: ran.append(1))
    await clock.advance(2)

    assert [] == [*registry.get_timeouts(), *ran]


async def test_deleting_a_job_has_no_effect_after_the_application_has_stopped(
    registry: SchedulerRegistry,
) -> None:
    """Sockets are closed later, and a ``handle_disconnect`` that deletes a job must not fail."""
    registry.add_interval("job", 1_000, print)
    await registry.stop()

    registry.delete_interval("job")

    assert [] == registry.get_intervals()


async def test_running_job_cannot_add_another_one_while_the_application_stops(
    registry: SchedulerRegistry, clock: ManualClock
) -> None:
    release = asyncio.Event()

    async def add() -> None:
        await release.wait()
        registry.add_timeout("late", 1_000, print)

    registry.add_interval("job", 1_000, add)
    await clock.advance(1)
    release.set()
    await registry.stop()

    assert [] == registry.get_timeouts()


async def test_log_does_not_contain_the_arguments_of_a_partial(
    registry: SchedulerRegistry, clock: ManualClock
) -> None:
    registry.add_timeout("job", 1_000, partial(int, "sesame"))

    with capture_logs() as logs:
        await clock.advance(1)

    assert ["int"] == [line["handler"] for line in logs]
    assert "sesame" not in str(logs)


async def test_methods_with_a_name_are_in_the_registry() -> None:
    """The module is global: any module may import the registry by its class."""

    class _Game:
        def __init__(self, registry: SchedulerRegistry) -> None:
            self.registry = registry

        @interval(1_000, name="tick")
        def tick(self) -> None: ...

    class _GameModule(containers.DeclarativeContainer):
        game = providers.Singleton(_Game, imported(SchedulerRegistry))

    class _Module(containers.DeclarativeContainer):
        schedule = ScheduleModule.for_root(clock=ManualClock())
        games = providers.Container(_GameModule)

    app = NestFactory.create(_Module)
    await app.init()

    assert ["tick"] == app.get(_Game).registry.get_intervals()
    await app.close()
    assert [] == app.get(_Game).registry.get_intervals()
