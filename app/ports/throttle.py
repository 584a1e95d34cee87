"""Limits the rate of frequent operations on this node, such as a user's events."""

from typing import Protocol, runtime_checkable


@runtime_checkable
class Throttle(Protocol):
    """Keeps a token bucket per key in the memory of this process.

    `TokenBuckets` implements this port. Unlike an `AttemptLimiter`, a throttle does not count
    across nodes, and `take` is not a coroutine. Memory is bounded: inactive keys are dropped.
    """

    def take(self, key: str, cost: int = 1) -> float:
        """Take ``cost`` tokens from the key's bucket, but at most as many as a full bucket holds.

        Returns 0.0 on success. If the bucket has too few tokens, takes none, and returns the
        seconds until there are enough.
        """
        ...
