"""Pauses between attempts to reach a service or to start a process."""

import random
from collections.abc import Callable
from math import inf

FIRST_SECONDS = 0.1
"""The maximum pause before the second attempt, unless the caller chooses another."""
MAX_SECONDS = 2.0
"""The maximum pause before any attempt, unless the caller chooses another."""
STEADY_FACTOR = 2
"""After a success that lasts this many times the maximum pause, the next pause is zero again."""
_MAX_DOUBLINGS = 10


class Backoff:
    """Computes exponential pauses with jitter.

    There is no pause before the first attempt. The pause then doubles with each attempt, up to
    ``max_seconds``. Each pause is shortened by up to half at random, so that processes which failed
    at the same time do not try again at the same time. The pauses start from the beginning only
    after `STEADY_FACTOR` times ``max_seconds`` without a failure. Otherwise, there would be no
    pause between the attempts while each attempt succeeds but then fails at once.

    Args:
        monotonic: Returns the time in seconds.
    """

    def __init__(
        self,
        monotonic: Callable[[], float],
        first_seconds: float = FIRST_SECONDS,
        max_seconds: float = MAX_SECONDS,
    ) -> None:
        self._monotonic = monotonic
        self._first_seconds = first_seconds
        self._max_seconds = max_seconds
        self._attempts = 0
        self._works_since = inf

    def succeeded(self) -> None:
        """Record that the attempts succeed from now until the next call of `next_seconds`."""
        self._works_since = self._monotonic()

    def next_seconds(self) -> float:
        """Return the pause before the next attempt."""
        if self._monotonic() - self._works_since >= STEADY_FACTOR * self._max_seconds:
            self._attempts = 0
        self._works_since = inf
        failures, self._attempts = self._attempts - 1, self._attempts + 1
        if failures < 0:
            return 0.0
        longest = self._first_seconds * 2.0 ** min(failures, _MAX_DOUBLINGS)
        longest = min(longest, self._max_seconds)
        return longest * random.uniform(0.5, 1)  # noqa: S311 - not for security
