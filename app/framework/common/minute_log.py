"""`MinuteLog`: log lines that anybody can cause by the thousand, limited to one a minute."""

import asyncio
from collections.abc import Callable
from contextvars import Context
from functools import partial

MINUTE_SECONDS = 60.0

MAX_SUBJECTS = 1_000
"""Subjects that are counted apart in one minute."""

OTHERS = "others"
"""Stands for the subjects beyond the maximum, which are counted together."""


def _call_later(seconds: float, callback: Callable[[], None]) -> object:
    # In a context of its own: what is logged then must not bear the names of a client's event.
    return asyncio.get_running_loop().call_later(seconds, callback, context=Context())


class MinuteLog:
    """Counts events by what happened and by subject, and logs each at most once a minute.

    The first one is logged at once. The following ones are counted, and logged together when the
    minute is over. Memory and the number of lines are bounded by ``max_subjects``.

    Args:
        write: Logs one line for ``(what, subject, times)``: how often it happened since the last
            line.
        call_later: Calls back once, after so many seconds; by default on the running event loop.
        max_subjects: How many subjects are counted apart. Low where clients make them up.
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
        """How often it happened since the last line, for what was logged within the last minute."""

    def count(self, what: str, subject: str) -> None:
        """Count one more. ``what`` must be one of a few fixed texts, ``subject`` a short one."""
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
