"""Counting what happens by the thousand: each user's events on this node."""

from typing import Protocol, runtime_checkable


@runtime_checkable
class Throttle(Protocol):
    """A token bucket per key, in this process: asked per event, so there is nothing to wait for.

    What has to be counted across nodes goes through `AttemptLimiter`. Keys that are quiet are
    forgotten; memory is bounded.
    """

    def take(self, key: str, cost: int = 1) -> float:
        """Take ``cost`` tokens from the key's bucket, or a full bucket if that holds fewer.

        Returns 0.0 when they were there, else the seconds until they will be (nothing is taken).
        """
        ...
