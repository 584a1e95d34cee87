"""Verifies session tokens."""

from typing import Protocol, runtime_checkable

from app.domain.principal import Principal


@runtime_checkable
class TokenVerifier(Protocol):
    """Verifies session tokens by Clerk's rules. `ClerkTokenVerifier` implements this port."""

    async def verify(self, token: str) -> Principal:
        """Return the principal that the token authenticates.

        Raises:
            AuthenticationError: The code names the rule that the token breaks. The code is
                ``keys_unavailable`` if the key cannot be fetched now. Other errors are never
                raised.
        """
        ...

    def claimed_expiry(self, token: str) -> float:
        """Return the ``exp`` of a token, in seconds since the epoch.

        The signature is not checked, so use this only to revoke the token.

        Raises:
            AuthenticationError: The text is not a session token, so no server accepts it.
        """
        ...
