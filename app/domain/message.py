"""A chat message, and a page of them."""

from dataclasses import dataclass

from app.domain.delivery import DeliveryState
from app.domain.ids import ChannelId, ClientMessageId, MessageId, UserId
from app.domain.user import User
from app.domain.wire import WireDate, WireModel


class Message(WireModel):
    """The documented ``Message``, plus ``seq``: its place in its channel's one order."""

    id: MessageId
    content: str
    channel_id: ChannelId
    user_id: UserId
    created_at: WireDate
    updated_at: WireDate
    delivery_status: DeliveryState
    user: User
    seq: int


@dataclass(frozen=True, slots=True)
class MessageDraft:
    """What a sender asks to store. ``content`` is trimmed and within limits already."""

    id: MessageId
    channel_id: ChannelId
    user_id: UserId
    content: str
    client_message_id: ClientMessageId | None


class MessagePage(WireModel):
    """Messages, oldest first, and where to go on; ``next_cursor`` is None on the last page."""

    messages: tuple[Message, ...]
    next_cursor: str | None


class OfflineCount(WireModel):
    """How many messages a user has not received yet, in all and by channel."""

    count: int
    channels: dict[ChannelId, int]


class DeletedMessage(WireModel):
    """What members hear of a deletion."""

    message_id: MessageId
    channel_id: ChannelId


class DeletionReceipt(WireModel):
    """What the author hears of a deletion: ``{messageId}``, as documented."""

    message_id: MessageId
