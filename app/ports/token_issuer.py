"""Issues session tokens for development without Clerk."""

from collections.abc import Mapping
from typing import Protocol, runtime_checkable

from app.domain.ids import UserId

JWKS_PATH = "/.well-known/jwks.json"
"""The path at which the server publishes `TokenIssuer.jwks`. Clerk uses the same path."""

TOKEN_TTL_SECONDS = 60
"""The default lifetime of a token, the same as Clerk's."""


@runtime_checkable
class TokenIssuer(Protocol):
    """Issues a token to anyone who asks, so it may run only on a developer's machine."""

    def jwks(self) -> Mapping[str, object]:
        """Return the public keys as a JSON Web Key Set."""
        ...

    def token(
        self, user_id: UserId, ttl_seconds: int = TOKEN_TTL_SECONDS, session_id: str | None = None
    ) -> str:
        """Return a new session token for the user, with the same claims as Clerk's tokens.

        Args:
            user_id: Any id; the user need not exist.
            ttl_seconds: Seconds until ``exp``. A negative number creates an expired token.
            session_id: The ``sid`` claim. Defaults to one session id per user, shared by all of the
                user's tokens.
        """
        ...
