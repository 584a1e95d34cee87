"""Limits the connection attempts and the failures per address."""

from typing import Protocol, runtime_checkable

from app.domain.errors import AuthenticationCode

COUNTED_SECONDS = 3_600
"""The period over which failures are counted by reason."""


@runtime_checkable
class AttemptLimiter(Protocol):
    """Keeps two token buckets per address, one for attempts and one for failures.

    Nodes may share the buckets. While they cannot, each node counts on its own, so no method
    raises `Unavailable`. Memory is bounded: inactive addresses are forgotten.
    """

    async def attempt(self, address: str) -> float:
        """Take one attempt.

        Returns 0.0 if both buckets had a token. Otherwise takes nothing, and returns the seconds
        until both buckets have one.
        """
        ...

    def succeeded(self, address: str) -> None:
        """Give one attempt back, because its token was valid. A full bucket stays full.

        Other nodes see this only after this node's next attempt for the address.
        """

    async def failed(self, address: str, reason: AuthenticationCode) -> int:
        """Take one failure. An empty bucket is no error here; the next `attempt` is rejected.

        Returns how often the address has failed for this reason, including this time, within
        `COUNTED_SECONDS` of its first failure.
        """
        ...
