"""Token buckets for what nodes could share, where there is one node."""

from app.adapters.memory.token_buckets import TokenBuckets
from app.ports import Clock, RateLimiter


class TokenBucketLimiter(RateLimiter):
    """`TokenBuckets` behind a port that may wait; this adapter never does."""

    def __init__(self, rate_per_second: float, burst: int, clock: Clock) -> None:
        self._buckets = TokenBuckets(rate_per_second, burst, clock)

    async def take(self, key: str) -> float:
        """See `TokenBuckets.take`."""
        return self._buckets.take(key)

    async def peek(self, key: str) -> float:
        """See `TokenBuckets.peek`."""
        return self._buckets.peek(key)
