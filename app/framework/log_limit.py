"""Limits how often a log line is written that strangers can cause."""

from math import inf

LOG_INTERVAL_SECONDS = 60.0


class LogLimit:
    """Lets one line pass every `LOG_INTERVAL_SECONDS` and counts those in between."""

    def __init__(self) -> None:
        self._passes_from = -inf
        self._suppressed = 0

    def passes(self, now: float) -> int | None:
        """None when the line must not be written, else how many were suppressed before it.

        Args:
            now: By a monotonic clock, in seconds.
        """
        if now < self._passes_from:
            self._suppressed += 1
            return None
        suppressed, self._suppressed = self._suppressed, 0
        self._passes_from = now + LOG_INTERVAL_SECONDS
        return suppressed
