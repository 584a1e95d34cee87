"""What can go wrong, with a stable code each.

::

    ChatError
    ├── AuthenticationError      code by rule broken, see AuthenticationCode
    ├── InvalidPayload           invalid_payload
    ├── NotAMember               not_a_member
    ├── NotTheAuthor             not_the_author
    ├── NotARecipient            not_a_recipient
    ├── MessageNotFound          message_not_found
    ├── MessageDeleted           message_deleted
    ├── ClientMessageIdReused    client_message_id_reused
    ├── ChannelNotFound          channel_not_found
    ├── ChannelExists            channel_exists
    ├── ChannelInUse             channel_in_use
    ├── UserNotFound             user_not_found
    └── Unavailable              unavailable
        └── Unconfirmed          likewise: it may have been done

``str(error)`` is a sentence for people; it never holds a token, a secret or a message's content.
"""

from collections.abc import Mapping
from enum import StrEnum
from math import ceil
from types import MappingProxyType

from app.domain.ids import UserId


class ChatError(Exception):
    """An operation was refused or failed, and the client may know why.

    Attributes:
        code: Stable; clients branch on it. PROTOCOL's table lists every one.
        temporary: Whether the same request may succeed later.
    """

    code: str
    temporary: bool = False

    @property
    def details(self) -> Mapping[str, object]:
        """Further fields of the answer to the client, by their names on the wire."""
        return {}


class AuthenticationCode(StrEnum):
    """Which rule a refused authentication broke."""

    TOKEN_MISSING = "token_missing"  # noqa: S105 - codes, not secrets
    TOKEN_MALFORMED = "token_malformed"  # noqa: S105
    BEARER_PREFIX = "bearer_prefix"
    TOKEN_SIGNATURE = "token_signature"  # noqa: S105
    TOKEN_KEY_UNKNOWN = "token_key_unknown"  # noqa: S105
    TOKEN_EXPIRED = "token_expired"  # noqa: S105
    TOKEN_NOT_YET_VALID = "token_not_yet_valid"  # noqa: S105
    TOKEN_ISSUER = "token_issuer"  # noqa: S105
    TOKEN_PARTY = "token_party"  # noqa: S105
    TOKEN_SUBJECT = "token_subject"  # noqa: S105
    TOKEN_KIND = "token_kind"  # noqa: S105
    SESSION_PENDING = "session_pending"
    SUBJECT_CHANGED = "subject_changed"
    REVOKED = "revoked"
    KEYS_UNAVAILABLE = "keys_unavailable"
    REVOCATION_UNAVAILABLE = "revocation_unavailable"
    TOO_MANY_ATTEMPTS = "too_many_attempts"
    TOO_MANY_SOCKETS = "too_many_sockets"


_DETAILS: dict[AuthenticationCode, str] = {
    AuthenticationCode.TOKEN_MISSING: "Send the session token as auth.token when connecting.",
    AuthenticationCode.TOKEN_MALFORMED: "auth.token is not a JSON Web Token.",
    AuthenticationCode.BEARER_PREFIX: "auth.token must be the raw token, without 'Bearer '.",
    AuthenticationCode.TOKEN_SIGNATURE: "The token's signature is not valid.",
    AuthenticationCode.TOKEN_KEY_UNKNOWN: "The token was signed with a key that is not known here.",
    AuthenticationCode.TOKEN_EXPIRED: "The token has expired; fetch a new one.",
    AuthenticationCode.TOKEN_NOT_YET_VALID: "The token is not valid yet; check the clocks.",
    AuthenticationCode.TOKEN_ISSUER: "The token was issued by somebody else.",
    AuthenticationCode.TOKEN_PARTY: "The token was issued for another application.",
    AuthenticationCode.TOKEN_SUBJECT: "The token names no user.",
    AuthenticationCode.TOKEN_KIND: "The token is not a session token.",
    AuthenticationCode.SESSION_PENDING: "The sign-in is not complete; finish its tasks first.",
    AuthenticationCode.SUBJECT_CHANGED: "The new token belongs to another user or session.",
    AuthenticationCode.REVOKED: "The token was revoked; sign in again.",
    AuthenticationCode.KEYS_UNAVAILABLE: "The keys cannot be fetched now; try again shortly.",
    AuthenticationCode.REVOCATION_UNAVAILABLE: "Revocations cannot be read now; try again.",
    AuthenticationCode.TOO_MANY_ATTEMPTS: "Too many attempts from this address; wait a minute.",
    AuthenticationCode.TOO_MANY_SOCKETS: "Too many connections of this user; close one first.",
}

MISSING_PARTY_DETAIL = (
    "The token has no azp: it was requested without an Origin header. "
    "The server accepts such tokens with CLERK_ALLOW_MISSING_AZP."
)
"""The detail of ``token_party`` when there is no party to compare."""

_TEMPORARY = frozenset(
    {
        AuthenticationCode.KEYS_UNAVAILABLE,
        AuthenticationCode.REVOCATION_UNAVAILABLE,
        AuthenticationCode.TOO_MANY_ATTEMPTS,
        AuthenticationCode.TOO_MANY_SOCKETS,
    }
)


class AuthenticationError(ChatError):
    """The socket is not, or no longer, who it must be.

    Attributes:
        message: One of ``authentication required``, ``failed`` and ``revoked``: documented
            frontends look for the word.
        detail: A sentence for people that says how to mend it.
        failures: How often the address has failed so within an hour, where that was counted: for
            the log.
        claims: The claims for which an authentic token was refused, by name: for the log. Never
            the token itself.
        retry_after_seconds: Until the same request may succeed, where a limit knows it.
    """

    code: AuthenticationCode
    failures: int | None = None

    def __init__(
        self,
        code: AuthenticationCode,
        detail: str | None = None,
        claims: Mapping[str, object] = MappingProxyType({}),
        *,
        retry_after_seconds: float | None = None,
    ) -> None:
        self.code = code
        self.detail = detail or _DETAILS[code]
        self.claims = claims
        self.retry_after_seconds = retry_after_seconds
        self.temporary = code in _TEMPORARY
        if code is AuthenticationCode.TOKEN_MISSING:
            self.message = "authentication required"
        elif code is AuthenticationCode.REVOKED:
            self.message = "authentication revoked"
        else:
            self.message = "authentication failed"
        super().__init__(f"{self.message}: {self.detail}")

    @property
    def details(self) -> Mapping[str, object]:
        """``detail``, and ``retryAfterMs`` where it is known."""
        if self.retry_after_seconds is None:
            return {"detail": self.detail}
        return {"detail": self.detail, "retryAfterMs": ceil(self.retry_after_seconds * 1000)}


class InvalidPayload(ChatError):
    """The payload has the right shape, but one field breaks a rule of the chat.

    Attributes:
        path: The field's name on the wire, such as ``content``.
        message: What is wrong with the field, for people.
    """

    code = "invalid_payload"

    def __init__(self, path: str, message: str) -> None:
        self.path = path
        self.message = message
        super().__init__(f"{path}: {message}")


class NotAMember(ChatError):
    """Only a member of a channel may do anything in it."""

    code = "not_a_member"

    def __init__(self) -> None:
        super().__init__("You are not a member of this channel.")


class NotTheAuthor(ChatError):
    """Only the author updates or deletes a message."""

    code = "not_the_author"

    def __init__(self) -> None:
        super().__init__("Only its author may change or delete a message.")


class NotARecipient(ChatError):
    """Only a recipient marks a message delivered or seen; the author is none."""

    code = "not_a_recipient"

    def __init__(self) -> None:
        super().__init__("You are not a recipient of this message.")


class MessageNotFound(ChatError):
    """Missing, or of a channel that is not the asker's: one answer, so that ids leak nothing."""

    code = "message_not_found"

    def __init__(self) -> None:
        super().__init__("There is no such message.")


class MessageDeleted(ChatError):
    """The send was stored once and has since been deleted; it is not stored again."""

    code = "message_deleted"

    def __init__(self) -> None:
        super().__init__("This message was sent and has since been deleted.")


class ClientMessageIdReused(ChatError):
    """The client message id belongs to a send with other content, or to another channel."""

    code = "client_message_id_reused"

    def __init__(self) -> None:
        super().__init__(
            "This client message id was used for another message; send it again with a new id."
        )


class ChannelNotFound(ChatError):
    """Backends hear of it, clients do not: to them it is `NotAMember`."""

    code = "channel_not_found"

    def __init__(self) -> None:
        super().__init__("There is no such channel.")


class ChannelExists(ChatError):
    """A channel is created once; the standing one is left as it is."""

    code = "channel_exists"

    def __init__(self) -> None:
        super().__init__("There is a channel with this id already.")


class ChannelInUse(ChatError):
    """Something that is none of the chat's refers to the channel; it must be removed first."""

    code = "channel_in_use"

    def __init__(self, table: str) -> None:
        super().__init__(f"The table {table} refers to this channel; nothing was deleted.")


class UserNotFound(ChatError):
    """Whoever is to be a member must be known to the storage, not only to Clerk."""

    code = "user_not_found"

    def __init__(self, user_id: UserId) -> None:
        super().__init__(f"There is no such user: {user_id}.")


class Unavailable(ChatError):
    """Storage or backplane did not answer: nothing was done, and nothing was half done.

    Only where revocations are stored, and when it is `Unconfirmed`, is that not certain.
    """

    code = "unavailable"
    temporary = True

    def __init__(self, what: str = "The storage") -> None:
        super().__init__(f"{what} is not available now; nothing was done.")


class StorageRejected(Unavailable):
    """The storage answers, and will not take this; of several things it may take the others.

    Somebody's trigger or constraint, say, or a value that it has no room for.
    """


class Unconfirmed(Unavailable):
    """The storage went away while it was storing: all of it may stand there, or nothing.

    To ask again is harmless where asking twice is: with the same client message id.
    """

    def __init__(self) -> None:
        ChatError.__init__(self, "The storage did not confirm it; send it again.")
