"""Limits connection attempts and failures per address."""

from typing import Protocol, runtime_checkable

from app.domain.errors import AuthenticationCode

COUNTED_SECONDS = 3_600
"""The period over which failures are counted by reason."""


@runtime_checkable
class AttemptLimiter(Protocol):
    """Keeps two token buckets per address, one for attempts and one for failures.

    Nodes may share the buckets. If sharing fails, each node counts separately, so no method raises
    `Unavailable`. `MemoryAttemptLimiter` and `RedisAttemptLimiter` implement this port. Memory is
    bounded: inactive addresses are dropped.
    """

    async def attempt(self, address: str) -> float:
        """Take one attempt.

        Returns 0.0 if both buckets had a token. If a bucket is empty, takes no token, and returns
        the seconds until both buckets have one.
        """
        ...

    def succeeded(self, address: str) -> None:
        """Put one token back into the bucket of attempts, because the session token was valid.

        Other nodes receive the change with this node's next attempt for the address.
        """

    async def failed(self, address: str, reason: AuthenticationCode) -> int:
        """Take one token from the bucket of failures.

        If the bucket is empty, the next `attempt` is rejected. Returns the number of failures of
        the address for this reason, including this one, within `COUNTED_SECONDS` of the first such
        failure.
        """
        ...
