"""`MinuteLog`: log lines that anybody can cause by the thousand, limited to one a minute."""

from collections.abc import Callable
from functools import partial

MINUTE_SECONDS = 60.0

MAX_ADDRESSES = 1_000
"""Addresses that are counted apart in one minute."""

OTHERS = "other addresses"
"""Stands for the addresses beyond `MAX_ADDRESSES`, which are counted together."""


class MinuteLog:
    """Counts events by what happened and by address, and logs each at most once a minute.

    The first one is logged at once. The following ones are counted, and logged together when the
    minute is over. Memory is bounded by `MAX_ADDRESSES`.

    Args:
        write: Logs one line for ``(what, address, times)``: how often it happened since the last
            line.
        call_later: Calls back once, after so many seconds.
    """

    def __init__(
        self,
        write: Callable[[str, str, int], None],
        call_later: Callable[[float, Callable[[], None]], object],
    ) -> None:
        self._write = write
        self._call_later = call_later
        self._counts: dict[tuple[str, str], int] = {}
        """How often it happened since the last line, for what was logged within the last minute."""

    def count(self, what: str, address: str) -> None:
        """Count one more. ``what`` must be one of a few fixed texts."""
        key = (what, address)
        if key not in self._counts and len(self._counts) >= MAX_ADDRESSES:
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
