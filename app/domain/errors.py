"""The errors of the chat, each with a stable code.

::

    ChatError
    ├── AuthenticationError      a code per rule, see AuthenticationCode
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
    └── Unavailable              unavailable; nothing was stored
        ├── StorageRejected      unavailable; the storage answers but rejects this write
        └── Unconfirmed          unavailable; the write may be stored

``str(error)`` is a sentence for people. The sentence never contains a token, a secret or a
message's content.
"""

from collections.abc import Mapping
from enum import StrEnum
from math import ceil
from types import MappingProxyType

from app.domain.ids import UserId


class ChatError(Exception):
    """An operation was rejected or failed. The reason may be sent to the client.

    Attributes:
        code: A stable code for client programs. docs/protocol.md lists every code.
        temporary: Whether the same request may succeed later.
        text: The default sentence for people.
    """

    code: str
    temporary: bool = False
    text: str = ""

    def __init__(self, text: str | None = None) -> None:
        super().__init__(self.text if text is None else text)

    @property
    def details(self) -> Mapping[str, object]:
        """Return the additional fields of the answer to the client, by their names on the wire."""
        return {}


class AuthenticationCode(StrEnum):
    """The reasons why authentication is rejected."""

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
    ADDRESS_FULL = "address_full"
    NODE_FULL = "node_full"


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
    AuthenticationCode.ADDRESS_FULL: "Too many connections from this address; try again shortly.",
    AuthenticationCode.NODE_FULL: "This server has too many connections; try again shortly.",
}

MISSING_PARTY_DETAIL = (
    "The token has no azp: it was requested without an Origin header. "
    "The server accepts such tokens with CLERK_ALLOW_MISSING_AZP."
)
"""The detail of a ``token_party`` error if the token has no ``azp``."""

_TEMPORARY = frozenset(
    {
        AuthenticationCode.KEYS_UNAVAILABLE,
        AuthenticationCode.REVOCATION_UNAVAILABLE,
        AuthenticationCode.TOO_MANY_ATTEMPTS,
        AuthenticationCode.TOO_MANY_SOCKETS,
        AuthenticationCode.ADDRESS_FULL,
        AuthenticationCode.NODE_FULL,
    }
)


class AuthenticationError(ChatError):
    """The socket could not be authenticated, or its session has ended.

    Attributes:
        message: ``authentication required``, ``authentication failed`` or ``authentication
            revoked``. The documented frontends search for these words.
        detail: The reason, as a sentence for people.
        failures: The number of failures with this code from this address within an hour, for the
            log; None if the failure was not counted.
        claims: The claims for which an authentic token was rejected, by name, for the log. The
            claims never include the token itself.
        retry_after_seconds: The time after which the same request may succeed; None if no limit was
            exceeded.
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
        """Return ``detail``, and ``retryAfterMs`` if it is known."""
        if self.retry_after_seconds is None:
            return {"detail": self.detail}
        return {"detail": self.detail, "retryAfterMs": ceil(self.retry_after_seconds * 1000)}


class InvalidPayload(ChatError):
    """A field of the payload breaks a rule of the chat; ``path`` is its name on the wire."""

    code = "invalid_payload"

    def __init__(self, path: str, message: str) -> None:
        self.path = path
        self.message = message
        super().__init__(f"{path}: {message}")

    @property
    def details(self) -> Mapping[str, object]:
        """Return ``fields`` with one error, in the form that the validation pipe uses."""
        return {"fields": [{"path": self.path, "message": self.message}]}


class NotAMember(ChatError):
    """The user is not a member of the channel, and has no access to it."""

    code = "not_a_member"
    text = "You are not a member of this channel."


class NotTheAuthor(ChatError):
    """The user is not the author of the message, and may not update or delete it."""

    code = "not_the_author"
    text = "Only its author may change or delete a message."


class NotARecipient(ChatError):
    """The user is not a recipient of the message. The author is never a recipient."""

    code = "not_a_recipient"
    text = "You are not a recipient of this message."


class MessageNotFound(ChatError):
    """The message does not exist, or the user is not a member of its channel.

    Both cases cause the same answer, so that clients cannot find out which ids exist.
    """

    code = "message_not_found"
    text = "There is no such message."


class MessageDeleted(ChatError):
    """The message with this client message id was stored and deleted; it is not stored again."""

    code = "message_deleted"
    text = "This message was sent and has since been deleted."


class ClientMessageIdReused(ChatError):
    """The client message id was used with other content or in another channel."""

    code = "client_message_id_reused"
    text = "This client message id was used for another message; send it again with a new id."


class ChannelNotFound(ChatError):
    """The channel does not exist. Only backends receive this; clients receive `NotAMember`."""

    code = "channel_not_found"
    text = "There is no such channel."


class ChannelExists(ChatError):
    """Another channel already has this id, and was not changed."""

    code = "channel_exists"
    text = "There is a channel with this id already."


class ChannelInUse(ChatError):
    """A row outside the chat's tables refers to the channel; delete that row first."""

    code = "channel_in_use"

    def __init__(self, table: str) -> None:
        super().__init__(f"The table {table} refers to this channel; nothing was deleted.")


class UserNotFound(ChatError):
    """The user is not in the storage. A user who exists only at Clerk cannot become a member."""

    code = "user_not_found"

    def __init__(self, user_id: UserId) -> None:
        super().__init__(f"There is no such user: {user_id}.")


class Unavailable(ChatError):
    """The storage or Redis did not answer.

    Nothing was stored, with two exceptions: a revocation and an `Unconfirmed` write may have been
    stored.
    """

    code = "unavailable"
    temporary = True

    def __init__(self, what: str = "The storage") -> None:
        super().__init__(f"{what} is not available now; nothing was done.")


class StorageRejected(Unavailable):
    """The storage answers but rejects this write. Other writes of the same batch may be accepted.

    The cause may be a trigger or a constraint, or a value that does not fit its column.
    """


class Unconfirmed(Unavailable):
    """A write was interrupted or took too long, so its result is unknown.

    Either the whole write or nothing is stored. Retrying is safe if the request is idempotent, such
    as a send with a client message id.
    """

    def __init__(self) -> None:
        ChatError.__init__(self, "The storage did not confirm it; send it again.")
