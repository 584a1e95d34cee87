"""A chat message, and a page of them."""

from dataclasses import dataclass
from datetime import datetime
from hashlib import sha256

from app.domain.delivery import DeliveryState
from app.domain.ids import ChannelId, ClientMessageId, MessageId, UserId
from app.domain.user import User
from app.domain.wire import WireValue, to_iso

_DIGEST_CHARS = 32


@dataclass(frozen=True, slots=True)
class Message(WireValue):
    """The documented ``Message``, plus ``seq``: its place in its channel's one order."""

    id: MessageId
    content: str
    channel_id: ChannelId
    user_id: UserId
    created_at: datetime
    updated_at: datetime
    delivery_status: DeliveryState
    user: User
    seq: int

    def to_wire(self) -> dict[str, object]:
        """``{id, content, channelId, userId, createdAt, ...}``."""
        return {
            "id": self.id,
            "content": self.content,
            "channelId": self.channel_id,
            "userId": self.user_id,
            "createdAt": to_iso(self.created_at),
            "updatedAt": to_iso(self.updated_at),
            "deliveryStatus": self.delivery_status,
            "user": self.user.to_wire(),
            "seq": self.seq,
        }


@dataclass(frozen=True, slots=True)
class MessageDraft:
    """What a sender asks to store. ``content`` is trimmed and within limits already."""

    id: MessageId
    channel_id: ChannelId
    user_id: UserId
    content: str
    client_message_id: ClientMessageId | None


@dataclass(frozen=True, slots=True)
class FirstSend:
    """What was first sent under a client message id; it outlives edits and the deletion.

    The digest is kept in place of the content, so that deleting a message deletes its text. It is
    salted with the message's id: equal texts have different digests, and no table of digests can be
    prepared. 128 bits, so that two contents never collide by accident.

    Attributes:
        message_id: The message that was stored.
        digest: Of its channel and its first content; None if a version without digests stored it.
    """

    message_id: MessageId
    digest: str | None

    @classmethod
    def of(cls, draft: MessageDraft) -> "FirstSend":
        """A draft that is about to be stored."""
        return cls(draft.id, _digest(draft.id, draft))

    def is_repeated_by(self, draft: MessageDraft, stored: Message | None) -> bool:
        """Whether a draft has the channel and the content that were first sent.

        Args:
            draft: A later draft with the same client message id.
            stored: The message as it is now; None if it was deleted. Without a digest it is what
                the draft is compared with.
        """
        if self.digest is not None:
            return self.digest == _digest(self.message_id, draft)
        return stored is not None and (stored.channel_id, stored.content) == (
            draft.channel_id,
            draft.content,
        )


def _digest(message_id: MessageId, draft: MessageDraft) -> str:
    # NUL separates them: none of the three contains it.
    text = f"{message_id}\0{draft.channel_id}\0{draft.content}"
    return sha256(text.encode()).hexdigest()[:_DIGEST_CHARS]


@dataclass(frozen=True, slots=True)
class MessagePage(WireValue):
    """Messages, oldest first, and where to go on; ``next_cursor`` is None on the last page."""

    messages: tuple[Message, ...]
    next_cursor: str | None

    def to_wire(self) -> dict[str, object]:
        """``{messages, nextCursor}``."""
        return {
            "messages": [message.to_wire() for message in self.messages],
            "nextCursor": self.next_cursor,
        }


@dataclass(frozen=True, slots=True)
class OfflineCount(WireValue):
    """How many messages a user has not received yet, in all and by channel.

    Attributes:
        count: The sum of ``channels``.
        channels: By channel; none has zero.
        more: Whether counting stopped before the end, so that there may be more than ``count``.
    """

    count: int
    channels: dict[ChannelId, int]
    more: bool = False

    def to_wire(self) -> dict[str, object]:
        """``{count, channels}``, and ``more`` where that is true."""
        wire: dict[str, object] = {"count": self.count, "channels": self.channels}
        return {**wire, "more": True} if self.more else wire


@dataclass(frozen=True, slots=True)
class DeletedMessage(WireValue):
    """What members hear of a deletion."""

    message_id: MessageId
    channel_id: ChannelId

    def to_wire(self) -> dict[str, object]:
        """``{messageId, channelId}``."""
        return {"messageId": self.message_id, "channelId": self.channel_id}


@dataclass(frozen=True, slots=True)
class DeletionReceipt(WireValue):
    """What the author hears of a deletion: ``{messageId}``, as documented."""

    message_id: MessageId

    def to_wire(self) -> dict[str, object]:
        """``{messageId}``."""
        return {"messageId": self.message_id}


@dataclass(frozen=True, slots=True)
class FailedMessage(WireValue):
    """What the sender's other devices hear of a send that could not be stored."""

    channel_id: ChannelId
    client_message_id: ClientMessageId | None
    error: str
    code: str
    temporary: bool
    status: DeliveryState = DeliveryState.FAILED

    def to_wire(self) -> dict[str, object]:
        """``{channelId, clientMessageId, error, code, temporary, status}``."""
        return {
            "channelId": self.channel_id,
            "clientMessageId": self.client_message_id,
            "error": self.error,
            "code": self.code,
            "temporary": self.temporary,
            "status": self.status,
        }
