"""How often an address may try to connect, and may fail."""

from typing import Protocol, runtime_checkable

from app.domain.errors import AuthenticationCode

COUNTED_SECONDS = 3_600
"""For how long failures are counted by reason."""


@runtime_checkable
class AttemptLimiter(Protocol):
    """Two token buckets per address, attempts and failures, which nodes may share.

    It always answers: what cannot be shared now is counted on this node. Addresses that are quiet
    are forgotten; memory is bounded.
    """

    async def attempt(self, address: str) -> float:
        """Take one attempt.

        Returns 0.0 when there was one and failures are left, too; else the seconds until both are
        so, and nothing is taken.
        """
        ...

    def succeeded(self, address: str) -> None:
        """Give one attempt back, as its token was good. A full bucket stays full.

        Other nodes learn of it with this node's next attempt of the address.
        """

    async def failed(self, address: str, reason: AuthenticationCode) -> int:
        """Take one failure; none left is no error, `attempt` tells.

        Returns how often the address has failed for this reason, this time included, in the hour
        that began with its first failure.
        """
        ...
