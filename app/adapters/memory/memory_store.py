"""One in-memory database: the tables that the memory repositories share."""

from bisect import bisect_left
from collections import Counter
from dataclasses import dataclass, field

from app.domain.delivery import DeliveryState, DeliveryStatus
from app.domain.errors import MessageNotFound
from app.domain.ids import ChannelId, ClientMessageId, MessageId, UserId
from app.domain.message import Message
from app.domain.user import User


@dataclass(slots=True, eq=False)
class DeliveryRow:
    """One recipient's progress; ``position`` counts all deliveries in the order of storing."""

    position: int
    message: "MessageRow"
    status: DeliveryStatus


@dataclass(slots=True, eq=False)
class MessageRow:
    """A message, its deliveries, and how many of them stand in each state."""

    message: Message
    deliveries: dict[UserId, DeliveryRow] = field(default_factory=dict)
    states: Counter[DeliveryState] = field(default_factory=Counter)


@dataclass(slots=True, eq=False)
class ChannelRow:
    """A channel's members, its messages by ``seq``, and the last number given."""

    members: set[UserId] = field(default_factory=set)
    messages: list[MessageRow] = field(default_factory=list)
    last_seq: int = 0


class MemoryStore:
    """Rows and the indexes over them. Ends with the process; nothing but a deletion shrinks it.

    A repository's method is a transaction because it awaits nothing between its first read and its
    last write.
    """

    def __init__(self) -> None:
        self.users: dict[UserId, User] = {}
        self.channels: dict[ChannelId, ChannelRow] = {}
        self.channels_of_user: dict[UserId, set[ChannelId]] = {}
        self.messages: dict[MessageId, MessageRow] = {}
        self.client_messages: dict[tuple[UserId, ClientMessageId], MessageId] = {}
        self.undelivered: dict[UserId, dict[ChannelId, list[DeliveryRow]]] = {}
        self.last_position = 0

    def is_member(self, channel_id: ChannelId, user_id: UserId) -> bool:
        """Whether the user belongs to the channel now."""
        channel = self.channels.get(channel_id)
        return channel is not None and user_id in channel.members

    def message_for(self, message_id: MessageId, user_id: UserId) -> MessageRow:
        """A message as a member of its channel may see it.

        Raises:
            MessageNotFound: Missing, or the user is not a member of its channel.
        """
        row = self.messages.get(message_id)
        if row is None or not self.is_member(row.message.channel_id, user_id):
            raise MessageNotFound
        return row

    def add_delivery(self, row: MessageRow, status: DeliveryStatus) -> None:
        """Store a SENT delivery."""
        self.last_position += 1
        delivery = DeliveryRow(self.last_position, row, status)
        row.deliveries[status.recipient_id] = delivery
        row.states[status.status] += 1
        by_channel = self.undelivered.setdefault(status.recipient_id, {})
        by_channel.setdefault(row.message.channel_id, []).append(delivery)

    def remove_undelivered(self, delivery: DeliveryRow) -> None:
        """Take a delivery that is SENT off its recipient's list."""
        recipient_id = delivery.status.recipient_id
        channel_id = delivery.message.message.channel_id
        pending = self.undelivered[recipient_id][channel_id]
        del pending[bisect_left(pending, delivery.position, key=position_of)]
        if not pending:
            del self.undelivered[recipient_id][channel_id]
        if not self.undelivered[recipient_id]:
            del self.undelivered[recipient_id]


def position_of(delivery: DeliveryRow) -> int:
    """The key by which lists of deliveries are sorted."""
    return delivery.position


def seq_of(row: MessageRow) -> int:
    """The key by which a channel's messages are sorted."""
    return row.message.seq
