"""How long to wait before the next try."""

from math import inf
from random import uniform

from app.ports import Clock

FIRST_SECONDS = 0.1
MOST_SECONDS = 2.0
STEADY_SECONDS = 2 * MOST_SECONDS
_DOUBLINGS = 5


class Backoff:
    """At once, then twice as long each time up to `MOST_SECONDS`.

    Every wait is cut by up to half at random, so that nodes which failed together do not come
    back together. What worked for less than `STEADY_SECONDS` has not worked: the waits go on.
    """

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._tries = 0
        self._works_since = inf

    def succeeded(self) -> None:
        """It works from now on, until `next_seconds` is asked."""
        self._works_since = self._clock.monotonic()

    def next_seconds(self) -> float:
        """The wait before the next try."""
        if self._clock.monotonic() - self._works_since >= STEADY_SECONDS:
            self._tries = 0
        self._works_since = inf
        tries, self._tries = self._tries, self._tries + 1
        if tries == 0:
            return 0.0
        longest = min(MOST_SECONDS, FIRST_SECONDS * 2 ** min(tries - 1, _DOUBLINGS))
        return uniform(longest / 2, longest)  # noqa: S311 - it spreads load, it hides nothing
