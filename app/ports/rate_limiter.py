"""Counting what somebody does against what they may."""

from typing import Protocol, runtime_checkable


@runtime_checkable
class RateLimiter(Protocol):
    """A token bucket per key, which nodes may share; for events there is `Throttle`.

    Keys that are quiet are forgotten; memory is bounded.
    """

    async def take(self, key: str) -> float:
        """Take one from the key's bucket.

        Returns 0.0 when there was one, else the seconds until there will be (nothing is taken).
        """
        ...

    async def peek(self, key: str) -> float:
        """As `take`, but takes nothing."""
        ...
