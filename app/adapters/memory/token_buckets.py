"""Token buckets in this process's memory."""

from app.ports import Clock, Throttle

MAX_KEYS = 100_000
ROUNDING_SECONDS = 1e-9
"""Who waits as long as he was told must not be refused for a float's last digit."""


class TokenBuckets(Throttle):
    """One bucket of ``burst`` tokens per key, refilled at ``rate_per_second``.

    A bucket is one number: the monotonic time at which it will be full again (GCRA). Full buckets
    are forgotten. Of more than `MAX_KEYS` those are forgotten too that were taken from least
    recently, and start again with a full bucket: memory is bounded before justice is.
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
        """Take ``cost`` tokens, or return the seconds until they will be there."""
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
        """The seconds until there will be a token, 0.0 when there is one."""
        now = self._clock.monotonic()
        wait_seconds = self._full_at_without(key, 1, now) - now - self._seconds_to_fill
        return wait_seconds if wait_seconds > ROUNDING_SECONDS else 0.0

    def give_back(self, key: str) -> None:
        """Put one token back; a full bucket stays full."""
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
        # No more than a full bucket, or a heavy event would be refused for ever.
        return max(now, full_at) + min(tokens * self._seconds_per_token, self._seconds_to_fill)

    def _begin_generation(self, now: float) -> None:
        self._older, self._recent = self._recent, {}
        self._recent_until = now + self._seconds_to_fill
