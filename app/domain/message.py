"""Chat messages, and the payloads that clients receive about them."""

from dataclasses import dataclass
from datetime import datetime
from hashlib import sha256

from app.domain.delivery import DeliveryState
from app.domain.ids import ChannelId, ClientMessageId, MessageId, UserId
from app.domain.wire import WireValue, to_iso

_DIGEST_CHARS = 32


@dataclass(frozen=True, slots=True)
class User(WireValue):
    """The fields of a user that other users may see, without the e-mail address."""

    id: UserId
    name: str
    image_url: str | None = None

    def to_wire(self) -> dict[str, object]:
        """``{id, name, imageUrl}``."""
        return {"id": self.id, "name": self.name, "imageUrl": self.image_url}


@dataclass(frozen=True, slots=True)
class Message(WireValue):
    """The documented ``Message``, plus ``seq``, the message's sequence number in the channel."""

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
    """A message to be stored. The content is already trimmed, and within the limits."""

    id: MessageId
    channel_id: ChannelId
    user_id: UserId
    content: str
    client_message_id: ClientMessageId | None


@dataclass(frozen=True, slots=True)
class FirstSend:
    """Identifies the message that was first sent under a client message id.

    This record is kept when the message is edited or deleted. The record contains a digest instead
    of the content, so that deleting a message deletes its text. The digest is salted with the
    message's id: equal texts have different digests, which prevents lookups in precomputed tables.
    The digest has 128 bits, so that two contents do not collide by accident.

    Attributes:
        digest: The digest of the channel and the first content; None if the message was stored by
            a version that did not store digests.
    """

    message_id: MessageId
    digest: str | None

    @classmethod
    def of(cls, draft: MessageDraft) -> "FirstSend":
        """Describe a draft that is about to be stored."""
        return cls(draft.id, _digest(draft.id, draft))

    def is_repeated_by(self, draft: MessageDraft, stored: Message | None) -> bool:
        """Return whether a draft has the same channel and content as the first send.

        Args:
            stored: The current message; None if it was deleted. The draft is compared with this
                message if there is no digest.
        """
        if self.digest is not None:
            return self.digest == _digest(self.message_id, draft)
        return stored is not None and (stored.channel_id, stored.content) == (
            draft.channel_id,
            draft.content,
        )


def _digest(message_id: MessageId, draft: MessageDraft) -> str:
    # NUL is the separator, because none of the three parts contains it.
    text = f"{message_id}\0{draft.channel_id}\0{draft.content}"
    return sha256(text.encode()).hexdigest()[:_DIGEST_CHARS]


@dataclass(frozen=True, slots=True)
class MessagePage(WireValue):
    """A page of messages, oldest first; ``next_cursor`` is None on the last page."""

    messages: tuple[Message, ...]
    next_cursor: str | None

    def to_wire(self) -> dict[str, object]:
        """``{messages, nextCursor}``."""
        return {
            "messages": [message.to_wire() for message in self.messages],
            "nextCursor": self.next_cursor,
        }


@dataclass(frozen=True, slots=True)
class MissedMessages(WireValue):
    """The payload of ``sync:required``: clients must request the messages after ``after_seq``."""

    channel_id: ChannelId
    after_seq: int

    def to_wire(self) -> dict[str, object]:
        """``{channelId, afterSeq}``."""
        return {"channelId": self.channel_id, "afterSeq": self.after_seq}


@dataclass(frozen=True, slots=True)
class OfflineCount(WireValue):
    """The number of messages that a user has not received yet.

    Attributes:
        count: The sum of the numbers in ``channels``.
        channels: The number for each channel; channels without such messages are omitted.
        more: Whether there may be more messages than the counts say.
    """

    count: int
    channels: dict[ChannelId, int]
    more: bool = False

    def to_wire(self) -> dict[str, object]:
        """``{count, channels}``, and ``more`` if it is true."""
        wire: dict[str, object] = {"count": self.count, "channels": self.channels}
        return {**wire, "more": True} if self.more else wire


@dataclass(frozen=True, slots=True)
class DeletedMessage(WireValue):
    """The payload of ``message.deleted``, published to the channel."""

    message_id: MessageId
    channel_id: ChannelId

    def to_wire(self) -> dict[str, object]:
        """``{messageId, channelId}``."""
        return {"messageId": self.message_id, "channelId": self.channel_id}


@dataclass(frozen=True, slots=True)
class DeletionReceipt(WireValue):
    """The documented ack of a deletion."""

    message_id: MessageId

    def to_wire(self) -> dict[str, object]:
        """``{messageId}``."""
        return {"messageId": self.message_id}


@dataclass(frozen=True, slots=True)
class FailedMessage(WireValue):
    """The payload of ``message:failed``, published to the sender's other sockets."""

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
