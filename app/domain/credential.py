"""A verified token: what a session stands on."""

from dataclasses import dataclass, field
from hashlib import sha256

from app.domain.principal import Principal


@dataclass(frozen=True, slots=True)
class Credential:
    """A token, and what it was verified to say.

    Attributes:
        token: As the client sent it: a secret.
        digest: Its `token_digest`.
    """

    token: str = field(repr=False)
    digest: str
    principal: Principal

    @classmethod
    def of(cls, token: str, principal: Principal) -> "Credential":
        """The credential of a verified token."""
        return cls(token, token_digest(token), principal)


def token_digest(token: str) -> str:
    """The SHA-256 of a token in hex: what is compared, so that no token needs to be kept."""
    return sha256(token.encode(errors="surrogatepass")).hexdigest()
