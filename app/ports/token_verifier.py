"""Turning a session token into a principal."""

from typing import Protocol, runtime_checkable

from app.domain.principal import Principal


@runtime_checkable
class TokenVerifier(Protocol):
    """Verifies session tokens by Clerk's rules."""

    async def verify(self, token: str) -> Principal:
        """Who the token speaks for.

        Raises:
            AuthenticationError: The token breaks a rule, by its code; ``keys_unavailable`` when
                it cannot be judged now. Nothing else is raised, whatever the token.
        """
        ...

    def claimed_expiry(self, token: str) -> float:
        """When a token says that it ends, in seconds since the epoch.

        Believed of anybody, the signature is not looked at: good for revoking it only.

        Raises:
            AuthenticationError: It does not look like a session token, so nobody accepts it.
        """
        ...
