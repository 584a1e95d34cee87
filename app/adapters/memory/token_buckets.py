"""Token buckets in memory."""

from app.ports import Clock, Throttle

MAX_KEYS = 100_000
"""Most keys for which a bucket is kept."""
ROUNDING_SECONDS = 1e-9
"""A tolerance, so that rounding does not reject a caller who waited exactly as long as told."""


class TokenBuckets(Throttle):
    """One bucket of ``burst`` tokens per key, refilled at ``rate_per_second``.

    A bucket is one number: the monotonic time at which it is full again (the GCRA algorithm). Full
    buckets are forgotten. With more than `MAX_KEYS` keys, the least recently used ones are
    forgotten and start again with a full bucket: bounded memory takes precedence over fairness.
    """

    def __init__(self, rate_per_second: float, burst: int, clock: Clock) -> None:
        self._seconds_per_token = 1 / rate_per_second
        self._seconds_to_fill = burst / rate_per_second
        self._clock = clock
        # Two generations, by the last take, and not a `BoundedDict`. A generation lasts as long as
        # a bucket takes to fill, so the older one holds only full buckets at its end and is dropped
        # as a whole. A take is one assignment to a plain dict, which was measured to be faster.
        self._recent: dict[str, float] = {}
        self._older: dict[str, float] = {}
        self._recent_until = clock.monotonic() + self._seconds_to_fill

    def take(self, key: str, cost: int = 1) -> float:
        """Take ``cost`` tokens, or return the seconds until they are available."""
        now = self._clock.monotonic()
        if now >= self._recent_until or len(self._recent) >= MAX_KEYS // 2:
            self._begin_generation(now)
        full_at = self._full_at_without(key, cost, now)
        wait_seconds = full_at - now - self._seconds_to_fill
        if wait_seconds > ROUNDING_SECONDS:
            return wait_seconds
        self._recent[key] = full_at
        return 0.0

    def peek(self, key: str) -> float:
        """Return the seconds until a token is available; 0.0 if one is."""
        now = self._clock.monotonic()
        wait_seconds = self._full_at_without(key, 1, now) - now - self._seconds_to_fill
        return wait_seconds if wait_seconds > ROUNDING_SECONDS else 0.0

    def give_back(self, key: str) -> None:
        """Give one token back. A full bucket stays full."""
        for generation in (self._recent, self._older):
            if key in generation:
                generation[key] -= self._seconds_per_token
                return

    def _full_at_without(self, key: str, tokens: int, now: float) -> float:
        full_at = self._recent.get(key)
        if full_at is None:
            full_at = self._older.get(key, now)
        if tokens == 1:
            return max(now, full_at) + self._seconds_per_token
        # A cost above a full bucket counts as a full one, else it would always be rejected.
        return max(now, full_at) + min(tokens * self._seconds_per_token, self._seconds_to_fill)

    def _begin_generation(self, now: float) -> None:
        self._older, self._recent = self._recent, {}
        self._recent_until = now + self._seconds_to_fill
