"""Limits the rate of frequent operations, such as a user's events."""

from collections.abc import Awaitable
from typing import Protocol, runtime_checkable


@runtime_checkable
class Throttle(Protocol):
    """Keeps a token bucket per key.

    Nodes may share the buckets. If sharing fails, each node counts separately, so `take` does not
    raise `Unavailable`. `TokenBuckets` and `RedisThrottle` implement this port. Memory is bounded:
    inactive keys are dropped.
    """

    def take(self, key: str, cost: int = 1) -> float | Awaitable[float]:
        """Take ``cost`` tokens from the key's bucket, but at most as many as a full bucket holds.

        Returns 0.0 on success. If the bucket has too few tokens, takes none, and returns the
        seconds until there are enough. If the shared bucket must be queried first, returns
        an awaitable of one of these results; the caller must await it.
        """
        ...
