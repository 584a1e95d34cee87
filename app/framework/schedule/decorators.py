"""The decorators `cron`, `interval` and `timeout`, which `Scheduler` reads at boot."""

from collections.abc import Callable
from dataclasses import dataclass
from math import inf

from app.framework.background.method_decorators import MethodDecorator, add_to_method
from app.framework.common.exceptions import BootError
from app.framework.common.metadata import Decorated
from app.framework.schedule.cron_schedule import CronSchedule

CRON = MethodDecorator("cron", "ScheduleModule")
INTERVAL = MethodDecorator("interval", "ScheduleModule")
TIMEOUT = MethodDecorator("timeout", "ScheduleModule")


@dataclass(frozen=True, slots=True)
class CronOptions:
    """The arguments of one use of the decorator `cron`."""

    schedule: CronSchedule
    name: str | None
    wait_for_completion: bool
    disabled: bool


@dataclass(frozen=True, slots=True)
class DelayOptions:
    """The arguments of one use of the decorator `interval` or `timeout`."""

    seconds: float
    name: str | None


def cron(
    expression: str,
    *,
    name: str | None = None,
    time_zone: str = "UTC",
    wait_for_completion: bool = False,
    disabled: bool = False,
) -> Callable[[Decorated], Decorated]:
    """Nest's ``@Cron``: run the method at the times of a cron expression.

    Args:
        expression: A text such as ``"0 30 8 * * 1-5"``, or a `CronExpression`; see `CronSchedule`.
        name: Unique among the cron jobs of the application.
        time_zone: The name of a time zone, such as ``Europe/Berlin``.
        wait_for_completion: Whether a run is skipped while the previous one is still running.
        disabled: Whether the method never runs.

    Raises:
        BootError: The expression or the time zone is invalid.
    """
    if not isinstance(expression, str):
        raise BootError(f"@cron: {expression!r} is not a string; write @cron('0 30 8 * * 1-5')")
    try:
        schedule = CronSchedule(expression, time_zone)
    except ValueError as error:
        raise BootError(f"@cron('{expression}') is invalid: {error}") from None
    return _decorator(CRON, CronOptions(schedule, name, wait_for_completion, disabled))


def interval(milliseconds: float, *, name: str | None = None) -> Callable[[Decorated], Decorated]:
    """Nest's ``@Interval``: run the method repeatedly; the first run is after one interval.

    Args:
        milliseconds: The time between the starts of two runs.
        name: Unique among the intervals of the application.

    Raises:
        BootError: The interval is not a positive number.
    """
    _check_milliseconds("interval", milliseconds)
    if milliseconds == 0:
        raise BootError("@interval(0) would run all the time; give it a positive interval")
    return _decorator(INTERVAL, DelayOptions(milliseconds / 1000, name))


def timeout(milliseconds: float, *, name: str | None = None) -> Callable[[Decorated], Decorated]:
    """Nest's ``@Timeout``: run the method once.

    Args:
        milliseconds: The time between the start of the application and the run.
        name: Unique among the timeouts of the application.

    Raises:
        BootError: The time is not a number, or is negative.
    """
    _check_milliseconds("timeout", milliseconds)
    return _decorator(TIMEOUT, DelayOptions(milliseconds / 1000, name))


def _check_milliseconds(decorator: str, value: float) -> None:
    if type(value) not in (int, float) or not 0 <= value < inf:
        raise BootError(
            f"@{decorator}({value!r}) is not a time in milliseconds; "
            f"write @{decorator}(5_000), or @{decorator}(5_000, name='name')"
        )


def _decorator(decorator: MethodDecorator, options: object) -> Callable[[Decorated], Decorated]:
    def decorate(method: Decorated) -> Decorated:
        add_to_method(decorator, options, method)
        return method

    return decorate
