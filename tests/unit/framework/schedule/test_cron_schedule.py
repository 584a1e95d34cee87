from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import pytest

from app.framework.schedule.cron_expression import CronExpression
from app.framework.schedule.cron_schedule import CronSchedule

NEW_YORK = "America/New_York"


def times(expression: str, start: str, count: int, zone: str = NEW_YORK) -> list[str]:
    schedule = CronSchedule(expression, zone)
    moment = datetime.fromisoformat(start).replace(tzinfo=ZoneInfo(zone)).astimezone(UTC)
    found = []
    for _ in range(count):
        moment = schedule.next_after(moment)
        found.append(moment.isoformat())
    return found


def test_sixth_field_is_the_second_and_comes_first() -> None:
    assert ["2026-01-01T00:00:30+00:00", "2026-01-01T00:01:30+00:00"] == times(
        "30 * * * * *", "2026-01-01", 2, "UTC"
    )
    assert ["2026-01-01T00:30:00+00:00"] == times("30 * * * *", "2026-01-01", 1, "UTC")


def test_either_day_suffices_when_both_are_restricted() -> None:
    """The job runs on the 13th and on every Friday."""
    found = times("0 0 13 * fri", "2026-12-01", 3, "UTC")

    assert ["2026-12-04", "2026-12-11", "2026-12-13"] == [each[:10] for each in found]


def test_job_runs_at_the_end_of_the_gap_when_its_time_does_not_exist() -> None:
    assert ["2026-03-08T03:00:00-04:00", "2026-03-09T02:30:00-04:00"] == times(
        "30 2 * * *", "2026-03-07T12:00", 2
    )


def test_job_runs_once_when_its_hour_exists_twice() -> None:
    assert ["2026-11-01T01:30:00-04:00", "2026-11-02T01:30:00-05:00"] == times(
        "30 1 * * *", "2026-10-31T12:00", 2
    )


def test_job_runs_in_both_hours_when_it_runs_every_hour() -> None:
    assert [
        "2026-11-01T01:00:00-04:00",
        "2026-11-01T01:30:00-04:00",
        "2026-11-01T01:00:00-05:00",
        "2026-11-01T01:30:00-05:00",
        "2026-11-01T02:00:00-05:00",
    ] == times("*/30 * * * *", "2026-11-01T00:50", 5)


@pytest.mark.parametrize("expression", [*CronExpression, "@hourly", "@weekdays", "0 0 * jan-mar 7"])
def test_expressions_of_nest_are_valid(expression: str) -> None:
    start = datetime(2026, 1, 1, tzinfo=UTC)

    assert CronSchedule(expression, "UTC").next_after(start) > start


@pytest.mark.parametrize(
    ("expression", "zone", "why"),
    [
        ("", "UTC", "it must have 5 fields, or 6 with the second first"),
        ("* * * *", "UTC", "it must have 5 fields, or 6 with the second first"),
        ("* * * * * * *", "UTC", "it must have 5 fields, or 6 with the second first"),
        ("R * * * *", "UTC", "the field 'r' is not cron syntax"),
        ("1,,2 * * * *", "UTC", "the field '1,,2' is not cron syntax"),
        ("-1 * * * *", "UTC", "the field '-1' is not cron syntax"),
        ("61 * * * *", "UTC", r"\[61 \* \* \* \*\] is not acceptable, out of range"),
        ("*/0 * * * *", "UTC", "step '0' in field 0 is not acceptable"),
        ("0 0 30 2 *", "UTC", "failed to find next date"),
        ("0 0 * * *", "Mars/Olympus", "there is no time zone 'Mars/Olympus'"),
        ("0 0 * * *", "../etc/passwd", "there is no time zone"),
        ("0 0 * * *", "", "there is no time zone ''"),
    ],
)
def test_invalid_expression_is_refused(expression: str, zone: str, why: str) -> None:
    with pytest.raises(ValueError, match=why):
        CronSchedule(expression, zone)
