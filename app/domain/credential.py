"""A verified token, and the revocations that may apply to it."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from enum import StrEnum
from hashlib import sha256
from math import inf

from app.domain.ids import UserId
from app.domain.principal import Principal


@dataclass(frozen=True, slots=True)
class Credential:
    """A token and its verified claims.

    Attributes:
        token: The secret token, as the client sent it.
    """

    token: str = field(repr=False)
    digest: str
    principal: Principal

    @classmethod
    def of(cls, token: str, principal: Principal) -> "Credential":
        """Create the credential of a verified token."""
        return cls(token, token_digest(token), principal)


def token_digest(token: str) -> str:
    """Return the SHA-256 of a token in hex, which is stored instead of the token."""
    return sha256(token.encode(errors="surrogatepass")).hexdigest()


class RevocationKind(StrEnum):
    """The kinds of things that can be revoked.

    ``SESSION`` is a sign-in at Clerk, identified by its ``sid``. The class `Session` is different:
    it belongs to one socket.
    """

    TOKEN = "token"  # noqa: S105 - a kind, not a secret
    SESSION = "session"
    USER = "user"


@dataclass(frozen=True, slots=True)
class Revocation:
    """Rejects a token, every token of a sign-in, or every token that was issued to a user.

    Attributes:
        subject: Depending on the kind, the token's `token_digest`, the ``sid``, or the user's id.
        issued_until: Seconds since the epoch. Tokens with a later ``iat`` are not revoked. The time
            is infinite for tokens and sign-ins, and finite for users, who may sign in again.
        token: The token itself, if known. The documented Redis key of a revoked token contains the
            token. The token is never sent to other nodes.
    """

    kind: RevocationKind
    subject: str
    issued_until: float = inf
    token: str | None = field(default=None, repr=False, compare=False)

    @classmethod
    def of_token(cls, token: str) -> "Revocation":
        """Return the revocation of one token."""
        return cls(RevocationKind.TOKEN, token_digest(token), token=token)

    @classmethod
    def of_session(cls, session_id: str) -> "Revocation":
        """Return the revocation of every token of one sign-in, including tokens issued later."""
        return cls(RevocationKind.SESSION, session_id)

    @classmethod
    def of_user(cls, user_id: UserId, now: float) -> "Revocation":
        """Return the revocation of every token issued to a user until ``now`` (epoch seconds).

        A token's ``iat`` has whole seconds, so the revocation also covers a token that is issued
        later within the current second.
        """
        return cls(RevocationKind.USER, user_id, issued_until=now)

    def covers(self, credential: Credential) -> bool:
        """Whether the credential must be rejected."""
        principal = credential.principal
        match self.kind:
            case RevocationKind.TOKEN:
                return self.subject == credential.digest
            case RevocationKind.SESSION:
                return self.subject == principal.session_id
            case RevocationKind.USER:
                return (
                    self.subject == principal.user_id and principal.issued_at <= self.issued_until
                )


def subjects_of(credential: Credential) -> Iterator[tuple[RevocationKind, str]]:
    """Yield the kind and subject of every revocation that could cover the credential."""
    principal = credential.principal
    yield RevocationKind.TOKEN, credential.digest
    yield RevocationKind.USER, principal.user_id
    if principal.session_id is not None:
        yield RevocationKind.SESSION, principal.session_id
