"""`MinuteLog`: rate-limits log lines that clients can cause, to one per minute and subject."""

import asyncio
from collections.abc import Callable
from contextvars import Context
from functools import partial

MINUTE_SECONDS = 60.0

MAX_SUBJECTS = 1_000
"""The default maximum of pairs (text and subject) that are counted separately within a minute."""

OTHERS = "others"
"""The subject under which pairs beyond the maximum are counted, separately for each text."""


def _call_later(seconds: float, callback: Callable[[], None]) -> object:
    # Use an empty context: otherwise the log line would contain the ids of the event that started
    # the timer.
    return asyncio.get_running_loop().call_later(seconds, callback, context=Context())


class MinuteLog:
    """Counts occurrences by text and subject, and logs each pair at most once per minute.

    The first occurrence is logged immediately. Further occurrences are counted, and logged together
    at the end of the minute. ``max_subjects`` bounds the memory and the number of lines.

    Args:
        write: Logs one line for ``(what, subject, times)``; ``times`` is the number of occurrences
            since the last line of this pair.
        max_subjects: The maximum number of pairs that are counted separately. Choose a low number
            where clients can invent subjects.
    """

    def __init__(
        self,
        write: Callable[[str, str, int], None],
        call_later: Callable[[float, Callable[[], None]], object] = _call_later,
        max_subjects: int = MAX_SUBJECTS,
    ) -> None:
        self._write = write
        self._call_later = call_later
        self._max_subjects = max_subjects
        self._counts: dict[tuple[str, str], int] = {}
        """The occurrences since the last line, for each pair logged within the last minute."""

    def count(self, what: str, subject: str) -> None:
        """Count one occurrence.

        Args:
            what: The text of the log line. Use constants, because the number of texts has no limit.
            subject: A short text that identifies the cause, such as a client's address.
        """
        key = (what, subject)
        if key not in self._counts and len(self._counts) >= self._max_subjects:
            key = (what, OTHERS)
        if key in self._counts:
            self._counts[key] += 1
        else:
            self._log(key, 1)

    def _log(self, key: tuple[str, str], times: int) -> None:
        self._counts[key] = 0
        self._call_later(MINUTE_SECONDS, partial(self._end_minute, key))
        self._write(*key, times)

    def _end_minute(self, key: tuple[str, str]) -> None:
        times = self._counts.pop(key)
        if times:
            self._log(key, times)
