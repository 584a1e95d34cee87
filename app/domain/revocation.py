"""What was revoked: one token, one sign-in, or everything a user had been given."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from enum import StrEnum
from math import inf

from app.domain.credential import Credential, token_digest
from app.domain.ids import UserId


class RevocationKind(StrEnum):
    """What a revocation names.

    A session here is Clerk's, a sign-in with its ``sid``; not our `Session`, which is a socket's.
    """

    TOKEN = "token"  # noqa: S105 - a kind, not a secret
    SESSION = "session"
    USER = "user"


@dataclass(frozen=True, slots=True)
class Revocation:
    """The decision to accept something no longer.

    Attributes:
        subject: The token's SHA-256 in hex, the ``sid`` or the user's id, as ``kind`` says.
        issued_until: Seconds since the epoch: concerned is what was issued (``iat``) until then.
            Infinite but for users, who may sign in again.
        token: The token itself where it was at hand: the documented Redis key holds it. It is
            told to nobody else.
    """

    kind: RevocationKind
    subject: str
    issued_until: float = inf
    token: str | None = field(default=None, repr=False, compare=False)

    @classmethod
    def of_token(cls, token: str) -> "Revocation":
        """Of one token."""
        return cls(RevocationKind.TOKEN, token_digest(token), token=token)

    @classmethod
    def of_session(cls, session_id: str) -> "Revocation":
        """Of every token of one sign-in, those still to be issued included."""
        return cls(RevocationKind.SESSION, session_id)

    @classmethod
    def of_user(cls, user_id: UserId, now: float) -> "Revocation":
        """Of everything issued to a user before ``now``, seconds since the epoch.

        A token's ``iat`` has whole seconds, so one of this very second counts as issued before.
        """
        return cls(RevocationKind.USER, user_id, issued_until=now)

    def covers(self, credential: Credential) -> bool:
        """Whether that credential is to be accepted no longer."""
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
    """What a revocation has to name to concern the credential."""
    principal = credential.principal
    yield RevocationKind.TOKEN, credential.digest
    yield RevocationKind.USER, principal.user_id
    if principal.session_id is not None:
        yield RevocationKind.SESSION, principal.session_id
