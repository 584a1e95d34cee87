"""Messages in memory."""

from dataclasses import replace
from datetime import datetime

from app.adapters.memory.memory_rows import ChannelRow, MessageRow
from app.adapters.memory.memory_store import MemoryStore
from app.domain.delivery import DeliveryState
from app.domain.errors import MessageDeleted, NotAMember, NotTheAuthor
from app.domain.ids import ChannelId, MessageId, UserId
from app.domain.message import DeletedMessage, Message, MessageDraft
from app.ports import MessageRepository, StoredMessage


class MemoryMessageRepository(MessageRepository):
    """Messages by id, and by channel in the order of ``seq``."""

    def __init__(self, store: MemoryStore) -> None:
        self._store = store

    async def add(self, draft: MessageDraft, now: datetime) -> StoredMessage:
        """Store a message, unless its client message id is known."""
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
        self._store.last_position += 1
        row = MessageRow(message, self._store.last_position, channel.member_count - 1)
        channel.messages.append(row)
        channel.settle(draft.user_id, message.seq)
        self._store.messages[message.id] = row
        if draft.client_message_id is not None:
            key = (draft.user_id, draft.client_message_id)
            self._store.client_messages[key] = message.id
        return StoredMessage(message, is_new=True)

    async def update(
        self, message_id: MessageId, editor_id: UserId, content: str, now: datetime
    ) -> Message:
        """Replace the content."""
        row, _ = self._own(message_id, editor_id)
        row.message = replace(row.message, content=content, updated_at=now)
        return row.message

    async def delete(self, message_id: MessageId, editor_id: UserId) -> DeletedMessage:
        """Delete the message and its deliveries."""
        row, channel = self._own(message_id, editor_id)
        channel.delete(row.message.seq)
        del self._store.messages[message_id]
        return DeletedMessage(message_id=message_id, channel_id=row.message.channel_id)

    async def channel_of(self, message_id: MessageId) -> ChannelId | None:
        """The channel of a message."""
        row = self._store.messages.get(message_id)
        return None if row is None else row.message.channel_id

    async def list_after(
        self, channel_id: ChannelId, reader_id: UserId, after_seq: int, limit: int
    ) -> tuple[Message, ...]:
        """A stretch of the channel, by ``seq``."""
        stretch = self._channel_for(channel_id, reader_id).after(after_seq, limit)
        return tuple(row.message for row in stretch)

    def _channel_for(self, channel_id: ChannelId, user_id: UserId) -> ChannelRow:
        channel = self._store.channel_for(channel_id, user_id)
        if channel is None:
            raise NotAMember
        return channel

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

    def _own(self, message_id: MessageId, editor_id: UserId) -> tuple[MessageRow, ChannelRow]:
        row, channel = self._store.message_for(message_id, editor_id)
        if row.message.user_id != editor_id:
            raise NotTheAuthor
        return row, channel
