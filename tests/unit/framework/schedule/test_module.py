"""Tests scheduled jobs (app/framework/schedule/module.py, app/framework/schedule/scheduler.py)."""

import asyncio
from typing import Any

import pytest
from dependency_injector import containers, providers
from structlog.testing import capture_logs

from app.framework import BootError, NestApplication, NestFactory, imported
from app.framework.background.clock import Clock
from app.framework.schedule import CronExpression, ScheduleModule, cron, interval, timeout
from app.framework.schedule.registry import MAX_OVERLAPPING_RUNS
from app.framework.testing import ManualClock, Test
from app.framework.throttler import ThrottlerModule, ThrottlerOptions
from tests.unit.framework.assembling import application, start_error


class _Jobs:
    def __init__(self) -> None:
        self.runs: list[str] = []

    @cron(CronExpression.EVERY_30_SECONDS, name="report")
    def report(self) -> None:
        self.runs.append("cron")

    @interval(20_000)
    async def sweep(self) -> None:
        self.runs.append("interval")

    @timeout(5_000)
    def warm_up(self) -> None:
        self.runs.append("timeout")

    @cron(CronExpression.EVERY_SECOND, disabled=True)
    def disabled(self) -> None:
        raise NotImplementedError


async def started(cls: type, clock: ManualClock, **options: Any) -> NestApplication:
    app = application(
        providers.Singleton(cls), ScheduleModule.for_root(clock=clock, stop_seconds=0.0, **options)
    )
    await app.init()
    return app


async def test_jobs_run_at_their_times_until_the_application_stops() -> None:
    clock = ManualClock()
    app = await started(_Jobs, clock)
    jobs = app.get(_Jobs)
    assert [] == jobs.runs

    await clock.advance(45)
    assert ["timeout", "interval", "cron", "interval"] == jobs.runs

    await app.close()
    await clock.advance(100)
    assert 4 == len(jobs.runs)


async def test_services_may_import_the_clock_of_the_schedule() -> None:
    class _Service:
        def __init__(self, clock: Clock) -> None:
            self.clock = clock

    class _ServiceModule(containers.DeclarativeContainer):
        service = providers.Singleton(_Service, imported(Clock))

    class _Module(containers.DeclarativeContainer):
        schedule = ScheduleModule.for_root()
        service = providers.Container(_ServiceModule)

    clock = ManualClock()
    builder = Test.create_testing_module(_Module).override_provider(Clock).use_value(clock)

    assert builder.compile().get(_Service).clock is clock


async def test_clock_can_be_overridden_in_a_test_of_the_applications_own_module() -> None:
    """The clock may be a provider that other modules use, too."""

    class _Module(containers.DeclarativeContainer):
        clock = providers.Singleton(Clock)
        schedule = ScheduleModule.for_root(clock=clock)
        throttler = ThrottlerModule.for_root([ThrottlerOptions(ttl=1, limit=1)], clock=clock)
        jobs = providers.Singleton(_Jobs)

    clock = ManualClock()
    builder = Test.create_testing_module(_Module).override_provider(Clock).use_value(clock)
    module = await builder.compile().init()

    await clock.advance(5)

    assert ["timeout"] == module.get(_Jobs).runs
    await module.close()


async def test_module_of_a_class_uses_the_given_clock() -> None:
    """dependency-injector copies the arguments of a nested module, but must not copy the clock."""
    clock = ManualClock()

    class _Module(containers.DeclarativeContainer):
        schedule = ScheduleModule.for_root(clock=clock)
        jobs = providers.Singleton(_Jobs)

    app = NestFactory.create(_Module)
    await app.init()
    await clock.advance(5)

    assert ["timeout"] == app.get(_Jobs).runs
    await app.close()


async def test_only_the_enabled_kinds_run() -> None:
    clock = ManualClock()
    app = await started(_Jobs, clock, cron_jobs=False, intervals=False)

    await clock.advance(45)

    assert ["timeout"] == app.get(_Jobs).runs
    await app.close()


class _Failing:
    runs = 0
    text = "sesame"

    @interval(1_000)
    async def fail(self) -> None:
        self.runs += 1
        raise ValueError(self.text)


async def test_job_runs_again_after_an_error_which_is_logged_without_its_text() -> None:
    clock = ManualClock()
    app = await started(_Failing, clock)

    with capture_logs() as logs:
        await clock.advance(2)

    assert 2 == app.get(_Failing).runs
    assert [("_Failing.fail", "ValueError")] * 2 == [
        (line["handler"], line["error"]) for line in logs
    ]
    assert "sesame" not in str(logs)
    await app.close()


class _Slow:
    def __init__(self) -> None:
        self.started = 0
        self.cancelled = 0
        self.release = asyncio.Event()

    async def run(self) -> None:
        self.started += 1
        try:
            await self.release.wait()
        except asyncio.CancelledError:
            self.cancelled += 1
            raise


class _Overlapping(_Slow):
    @interval(1_000)
    async def job(self) -> None:
        await self.run()


class _Waiting(_Slow):
    @cron(CronExpression.EVERY_SECOND, wait_for_completion=True)
    async def job(self) -> None:
        await self.run()


@pytest.mark.parametrize(("cls", "most"), [(_Overlapping, MAX_OVERLAPPING_RUNS), (_Waiting, 1)])
async def test_runs_are_skipped_when_too_many_have_not_ended(cls: type[_Slow], most: int) -> None:
    clock = ManualClock()
    app = await started(cls, clock)
    slow = app.get(cls)

    with capture_logs() as logs:
        await clock.advance(20)
    assert most == slow.started
    assert [("run skipped: earlier runs have not ended", f"{cls.__name__}.job")] == [
        (line["event"], line["handler"]) for line in logs
    ]

    slow.release.set()
    await clock.advance(1)
    assert most + 1 == slow.started
    await app.close()


async def test_running_jobs_are_cancelled_when_the_application_stops() -> None:
    clock = ManualClock()
    app = await started(_Overlapping, clock)
    await clock.advance(2)

    await app.close()

    slow = app.get(_Overlapping)
    assert (2, 2) == (slow.started, slow.cancelled)


async def test_jobs_stop_before_other_providers_are_destroyed() -> None:
    class _Destroyed(_Slow):
        @interval(1_000)
        async def job(self) -> None:
            await self.run()

        def on_module_destroy(self) -> None:
            assert 1 == self.cancelled

    clock = ManualClock()
    app = await started(_Destroyed, clock)
    await clock.advance(1)

    with capture_logs() as logs:
        await app.close()

    assert ["handler cancelled by the shutdown"] == [line["event"] for line in logs]


async def test_boot_fails_when_no_module_runs_the_jobs() -> None:
    assert (
        "_Overlapping.job: @interval has no effect, because no module imports ScheduleModule; "
        "add ScheduleModule.for_root() to the root module"
    ) == await start_error(providers.Singleton(_Overlapping))


async def test_boot_fails_when_two_jobs_have_one_name() -> None:
    class _Other:
        @cron("* * * * *", name="report")
        def again(self) -> None: ...

    assert (
        "_Other.again: @cron: _Jobs.report already has the name 'report'; choose another one"
    ) == await start_error(
        providers.Singleton(_Jobs), providers.Singleton(_Other), ScheduleModule.for_root()
    )


async def test_boot_fails_when_a_job_needs_arguments() -> None:
    class _Needy:
        @timeout(0)
        def job(self, number: int) -> None: ...

    assert (
        "_Needy.job: @timeout: the method receives no arguments; remove its parameters"
    ) == await start_error(providers.Singleton(_Needy), ScheduleModule.for_root())


async def test_boot_fails_when_the_time_to_stop_is_negative() -> None:
    assert "ScheduleModule.for_root: stop_seconds must be at least 0" == await start_error(
        ScheduleModule.for_root(stop_seconds=-1)
    )


def test_invalid_times_are_refused() -> None:
    number: Any
    for number in (-1, float("nan"), float("inf"), "5000", True, None):
        with pytest.raises(BootError, match=r"@interval\(.*\) is not a time in milliseconds"):
            interval(number)
        with pytest.raises(BootError, match=r"@timeout\(.*\) is not a time in milliseconds"):
            timeout(number)
    with pytest.raises(BootError, match=r"@interval\(0\) would run all the time"):
        interval(0)


def test_invalid_cron_expressions_are_refused() -> None:
    expression: Any = 5
    with pytest.raises(BootError, match="@cron: 5 is not a string; write @cron"):
        cron(expression)
    with pytest.raises(BootError, match=r"@cron\('\* \*'\) is invalid: it must have 5 fields"):
        cron("* *")
    with pytest.raises(BootError, match="there is no time zone 'Mars'"):
        cron("* * * * *", time_zone="Mars")
