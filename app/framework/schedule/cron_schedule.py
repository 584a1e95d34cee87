"""`CronSchedule`: the times of a cron expression.

Nest uses the npm package ``cron``. This module has the same syntax and behavior.
"""

import re
from datetime import UTC, datetime
from zoneinfo import ZoneInfo

from croniter import CroniterError, croniter

_VALUE = r"(?:\*|\d+|[a-z]{3})"
_FIELD = re.compile(rf"{_VALUE}(?:-{_VALUE})?(?:/\d+)?(?:,{_VALUE}(?:-{_VALUE})?(?:/\d+)?)*")
_FIXED_HOURS = re.compile(r"\d+(?:,\d+)*")
_WITHOUT_SECONDS, _WITH_SECONDS = 5, 6

_PRESETS = {
    "@yearly": "0 0 0 1 1 *",
    "@monthly": "0 0 0 1 * *",
    "@weekly": "0 0 0 * * 0",
    "@daily": "0 0 0 * * *",
    "@hourly": "0 0 * * * *",
    "@minutely": "0 * * * * *",
    "@secondly": "* * * * * *",
    "@weekdays": "0 0 0 * * 1-5",
    "@weekends": "0 0 0 * * 0,6",
}


class CronSchedule:
    """The times of a cron expression in a time zone.

    The expression has five fields (minute, hour, day of month, month, day of week). A field for the
    second may precede them. If day of month and day of week are both restricted, a date needs to
    match only one of them.

    When clocks are set forward, a skipped time is replaced by the end of the gap. When clocks are
    set back, a repeated time counts only once if the hour field is a list of numbers.

    Raises:
        ValueError: The expression or the time zone is invalid, or no date matches the expression.
    """

    def __init__(self, expression: str, time_zone: str) -> None:
        fields = _PRESETS.get(expression, expression).lower().split()
        if len(fields) not in (_WITHOUT_SECONDS, _WITH_SECONDS):
            raise ValueError("it must have 5 fields, or 6 with the second first")
        for field in fields:
            if not _FIELD.fullmatch(field):
                raise ValueError(f"the field '{field}' is not cron syntax")
        self._expression = " ".join(fields)
        self._zone = _zone_of(time_zone)
        self._has_fixed_hours = bool(_FIXED_HOURS.fullmatch(fields[-4]))
        try:
            self.next_after(datetime.now(UTC))
        except CroniterError as error:
            raise ValueError(str(error)) from None

    def next_after(self, moment: datetime) -> datetime:
        """Return the first time of the schedule after a moment."""
        times = croniter(
            self._expression,
            moment.astimezone(self._zone),
            ret_type=datetime,
            second_at_beginning=True,
        )
        due = times.get_next()
        while due.fold and self._has_fixed_hours:  # the second occurrence of a repeated time
            due = times.get_next()
        return due


def _zone_of(name: str) -> ZoneInfo:
    try:
        return ZoneInfo(name)
    except (OSError, KeyError, ValueError):  # ZoneInfoNotFoundError is a KeyError
        raise ValueError(
            f"there is no time zone '{name}'; write one such as 'Europe/Berlin'"
        ) from None
