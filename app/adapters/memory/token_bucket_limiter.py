"""Token buckets in this process's memory."""

from app.ports import Clock, RateLimiter

MAX_KEYS = 100_000
ROUNDING_SECONDS = 1e-9
"""Who waits as long as he was told must not be refused for a float's last digit."""


class TokenBucketLimiter(RateLimiter):
    """One bucket of ``burst`` tokens per key, refilled at ``rate_per_second``.

    A bucket is one number: the monotonic time at which it will be full again (GCRA). Full buckets
    are forgotten. Beyond `MAX_KEYS` the key that took least recently is forgotten too, and so
    starts again with a full bucket: memory is bounded before justice is.
    """

    def __init__(self, rate_per_second: float, burst: int, clock: Clock) -> None:
        self._seconds_per_token = 1 / rate_per_second
        self._seconds_to_fill = burst / rate_per_second
        self._clock = clock
        # In the order of their last take: since all refill at one rate, a bucket that is not full
        # has no older one behind it that has been quiet for longer than it takes to fill.
        self._full_at: dict[str, float] = {}

    async def take(self, key: str) -> float:
        """Take one token, or return the seconds until there will be one."""
        now = self._clock.monotonic()
        wait_seconds = self._wait(key, now)
        if wait_seconds > 0:
            return wait_seconds
        full_at = max(self._full_at.pop(key, now), now)
        self._full_at[key] = full_at + self._seconds_per_token
        self._forget(now)
        return 0.0

    async def peek(self, key: str) -> float:
        """The seconds until there will be a token, 0.0 when there is one."""
        return self._wait(key, self._clock.monotonic())

    def _wait(self, key: str, now: float) -> float:
        full_at = max(self._full_at.get(key, now), now)
        wait_seconds = full_at + self._seconds_per_token - now - self._seconds_to_fill
        return wait_seconds if wait_seconds > ROUNDING_SECONDS else 0.0

    def _forget(self, now: float) -> None:
        while self._full_at:
            oldest = next(iter(self._full_at))
            if self._full_at[oldest] > now and len(self._full_at) <= MAX_KEYS:
                return
            del self._full_at[oldest]
