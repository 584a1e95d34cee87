"""Stores messages in memory."""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import datetime

from app.adapters.memory.rows import ChannelRow, MessageRow
from app.adapters.memory.store import MemoryStore
from app.domain.delivery import DeliveryState
from app.domain.errors import ClientMessageIdReused, MessageDeleted, NotAMember, NotTheAuthor
from app.domain.ids import ChannelId, MessageId, UserId
from app.domain.message import DeletedMessage, FirstSend, Message, MessageDraft
from app.ports import AddOutcome, MessageRepository, StoredMessage


class MemoryMessageRepository(MessageRepository):
    """Reads and changes the messages of a `MemoryStore`."""

    def __init__(self, store: MemoryStore) -> None:
        self._store = store

    async def add_all(self, drafts: Sequence[MessageDraft], now: datetime) -> Sequence[AddOutcome]:
        return [self._add(draft, now) for draft in drafts]

    async def update(
        self, message_id: MessageId, editor_id: UserId, content: str, now: datetime
    ) -> Message:
        row, _ = self._own(message_id, editor_id)
        row.message = replace(row.message, content=content, updated_at=now)
        return row.message

    async def delete(self, message_id: MessageId, editor_id: UserId) -> DeletedMessage:
        row, channel = self._own(message_id, editor_id)
        channel.delete(row.message.seq)
        del self._store.messages[message_id]
        return DeletedMessage(message_id=message_id, channel_id=row.message.channel_id)

    async def list_after(
        self, channel_id: ChannelId, reader_id: UserId, after_seq: int, limit: int
    ) -> tuple[Message, ...]:
        channel = self._store.channel_for(channel_id, reader_id)
        if channel is None:
            raise NotAMember
        return _messages_of(channel.after(after_seq, limit))

    async def stored_after(
        self, channel_id: ChannelId, after_seq: int, limit: int
    ) -> tuple[Message, ...]:
        channel = self._store.channels.get(channel_id)
        return () if channel is None else _messages_of(channel.after(after_seq, limit))

    async def last_seqs(self, channel_ids: Collection[ChannelId]) -> Mapping[ChannelId, int]:
        channels = self._store.channels
        return {each: channels[each].last_seq if each in channels else 0 for each in channel_ids}

    async def find(self, message_id: MessageId) -> Message | None:
        row = self._store.messages.get(message_id)
        return None if row is None else row.message

    def _add(self, draft: MessageDraft, now: datetime) -> AddOutcome:
        store = self._store
        channel = store.channel_for(draft.channel_id, draft.user_id)
        if channel is None:
            return NotAMember()
        repeated = self._repeated(draft)
        if repeated is not None:
            return repeated
        channel.last_seq += 1
        message = Message(
            id=draft.id,
            content=draft.content,
            channel_id=draft.channel_id,
            user_id=draft.user_id,
            created_at=now,
            updated_at=now,
            delivery_status=DeliveryState.SENT,
            user=store.users[draft.user_id],
            seq=channel.last_seq,
        )
        store.last_position += 1
        row = MessageRow(message, store.last_position, channel.member_count - 1)
        channel.messages.append(row)
        channel.mark_done(draft.user_id, message.seq)
        store.messages[message.id] = row
        if draft.client_message_id is not None:
            store.client_messages[draft.user_id, draft.client_message_id] = FirstSend.of(draft)
        return StoredMessage(message, is_new=True)

    def _repeated(self, draft: MessageDraft) -> AddOutcome | None:
        if draft.client_message_id is None:
            return None
        first = self._store.client_messages.get((draft.user_id, draft.client_message_id))
        if first is None:
            return None
        row = self._store.messages.get(first.message_id)
        message = None if row is None else row.message
        if not first.is_repeated_by(draft, message):
            return ClientMessageIdReused()
        return MessageDeleted() if message is None else StoredMessage(message, is_new=False)

    def _own(self, message_id: MessageId, editor_id: UserId) -> tuple[MessageRow, ChannelRow]:
        row, channel = self._store.message_for(message_id, editor_id)
        if row.message.user_id != editor_id:
            raise NotTheAuthor
        return row, channel


def _messages_of(rows: Iterable[MessageRow]) -> tuple[Message, ...]:
    return tuple(row.message for row in rows)
