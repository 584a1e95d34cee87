"""Issuing session tokens, where no Clerk does it."""

from collections.abc import Mapping
from typing import Protocol, runtime_checkable

from app.domain.ids import UserId

JWKS_PATH = "/.well-known/jwks.json"
"""Where the server publishes `TokenIssuer.jwks`, as Clerk's frontend API does."""

TOKEN_TTL_SECONDS = 60
"""Clerk's default."""


@runtime_checkable
class TokenIssuer(Protocol):
    """Issues tokens for whoever asks: for a developer's machine alone."""

    def jwks(self) -> Mapping[str, object]:
        """The public keys as a JSON Web Key Set, for verifiers."""
        ...

    def token(
        self, user_id: UserId, ttl_seconds: int = TOKEN_TTL_SECONDS, session_id: str | None = None
    ) -> str:
        """A session token of Clerk's shape for the user, valid from now; no two are equal.

        Args:
            user_id: Anybody; nobody is asked whether there is such a user.
            ttl_seconds: Until ``exp``. A negative one makes an expired token.
            session_id: ``sid``; None is the user's one standing sign-in.
        """
        ...
