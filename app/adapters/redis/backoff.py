"""Pauses between the attempts to reach Redis."""

from math import inf

from redis.backoff import EqualJitterBackoff

from app.ports import Clock

FIRST_SECONDS = 0.1
"""The maximum pause before the second attempt."""
MAX_SECONDS = 2.0
"""The maximum pause before any attempt."""
STEADY_SECONDS = 2 * MAX_SECONDS
"""The time that Redis must work without a failure before the pauses start from the beginning."""
_MAX_DOUBLINGS = 5


class Backoff:
    """Computes exponential pauses with jitter.

    There is no pause before the first attempt. The pause then doubles with each attempt, up to
    `MAX_SECONDS`. Each pause is shortened by up to half at random, so that nodes which lost Redis
    at the same time do not reconnect at the same time. The pauses start from the beginning only
    after Redis has worked for `STEADY_SECONDS`. Otherwise, there would be no pause between the
    attempts while Redis answers each attempt but then fails at once.
    """

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._jitter = EqualJitterBackoff(cap=MAX_SECONDS, base=FIRST_SECONDS)
        self._attempts = 0
        self._works_since = inf

    def succeeded(self) -> None:
        """Record that Redis works from now until the next call of `next_seconds`."""
        self._works_since = self._clock.monotonic()

    def next_seconds(self) -> float:
        """Return the pause before the next attempt."""
        if self._clock.monotonic() - self._works_since >= STEADY_SECONDS:
            self._attempts = 0
        self._works_since = inf
        failures, self._attempts = self._attempts - 1, self._attempts + 1
        if failures < 0:
            return 0.0
        # Limit the number of failures: redis-py's computation overflows at 1,024 failures, after an
        # outage of half an hour.
        return self._jitter.compute(min(failures, _MAX_DOUBLINGS))
