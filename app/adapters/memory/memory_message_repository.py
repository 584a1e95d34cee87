"""Messages in memory."""

from bisect import bisect_left, bisect_right
from datetime import datetime

from app.adapters.memory.memory_store import ChannelRow, MemoryStore, MessageRow, seq_of
from app.domain.delivery import DeliveryState, DeliveryStatus
from app.domain.errors import MessageDeleted, NotAMember, NotTheAuthor
from app.domain.ids import ChannelId, MessageId, UserId
from app.domain.message import DeletedMessage, Message, MessageDraft
from app.ports import MessageRepository, StoredMessage


class MemoryMessageRepository(MessageRepository):
    """Messages by id, and by channel in the order of ``seq``."""

    def __init__(self, store: MemoryStore) -> None:
        self._store = store

    async def add(self, draft: MessageDraft, now: datetime) -> StoredMessage:
        """Store a message and its deliveries, unless its client message id is known."""
        channel = self._channel_for(draft.channel_id, draft.user_id)
        earlier = self._earlier(draft)
        if earlier is not None:
            return StoredMessage(earlier, is_new=False)
        channel.last_seq += 1
        message = Message(
            id=draft.id,
            content=draft.content,
            channel_id=draft.channel_id,
            user_id=draft.user_id,
            created_at=now,
            updated_at=now,
            delivery_status=DeliveryState.SENT,
            user=self._store.users[draft.user_id],
            seq=channel.last_seq,
        )
        row = MessageRow(message)
        channel.messages.append(row)
        self._store.messages[message.id] = row
        if draft.client_message_id is not None:
            key = (draft.user_id, draft.client_message_id)
            self._store.client_messages[key] = message.id
        for recipient_id in channel.members - {draft.user_id}:
            status = DeliveryStatus(
                message_id=message.id,
                recipient_id=recipient_id,
                status=DeliveryState.SENT,
                timestamp=now,
            )
            self._store.add_delivery(row, status)
        return StoredMessage(message, is_new=True)

    async def update(
        self, message_id: MessageId, editor_id: UserId, content: str, now: datetime
    ) -> Message:
        """Replace the content."""
        row = self._row_of_author(message_id, editor_id)
        row.message = row.message.model_copy(update={"content": content, "updated_at": now})
        return row.message

    async def delete(self, message_id: MessageId, editor_id: UserId) -> DeletedMessage:
        """Delete the message and its deliveries."""
        row = self._row_of_author(message_id, editor_id)
        channel_id = row.message.channel_id
        messages = self._store.channels[channel_id].messages
        del messages[bisect_left(messages, row.message.seq, key=seq_of)]
        del self._store.messages[message_id]
        for delivery in row.deliveries.values():
            if delivery.status.status is DeliveryState.SENT:
                self._store.remove_undelivered(delivery)
        return DeletedMessage(message_id=message_id, channel_id=channel_id)

    async def channel_of(self, message_id: MessageId) -> ChannelId | None:
        """The channel of a message."""
        row = self._store.messages.get(message_id)
        return None if row is None else row.message.channel_id

    async def list_after(
        self, channel_id: ChannelId, reader_id: UserId, after_seq: int, limit: int
    ) -> tuple[Message, ...]:
        """A stretch of the channel, by ``seq``."""
        messages = self._channel_for(channel_id, reader_id).messages
        start = bisect_right(messages, after_seq, key=seq_of)
        return tuple(row.message for row in messages[start : start + limit])

    def _channel_for(self, channel_id: ChannelId, user_id: UserId) -> ChannelRow:
        if not self._store.is_member(channel_id, user_id):
            raise NotAMember
        return self._store.channels[channel_id]

    def _earlier(self, draft: MessageDraft) -> Message | None:
        if draft.client_message_id is None:
            return None
        message_id = self._store.client_messages.get((draft.user_id, draft.client_message_id))
        if message_id is None:
            return None
        row = self._store.messages.get(message_id)
        if row is None:
            raise MessageDeleted
        return row.message

    def _row_of_author(self, message_id: MessageId, editor_id: UserId) -> MessageRow:
        row = self._store.message_for(message_id, editor_id)
        if row.message.user_id != editor_id:
            raise NotTheAuthor
        return row
