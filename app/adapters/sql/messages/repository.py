"""Stores, changes and reads messages."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace
from datetime import datetime

from sqlalchemy import delete, select, update

from app.adapters.sql.connection.database import Database
from app.adapters.sql.messages.store import store_all
from app.adapters.sql.queries import belongs, lock_message, read_page, select_messages, to_message
from app.adapters.sql.schema.dialects import is_one_of
from app.adapters.sql.schema.tables import channel_sequences, messages
from app.domain.errors import NotAMember, NotTheAuthor
from app.domain.ids import ChannelId, MessageId, UserId
from app.domain.message import DeletedMessage, Message, MessageDraft
from app.ports import AddOutcome, MessageRepository

_LAST_SEQS = select(channel_sequences.c.channel_id, channel_sequences.c.last_seq).where(
    is_one_of(channel_sequences.c.channel_id, "channel_ids")
)


class SqlMessageRepository(MessageRepository):
    """Stores contents in the original backend's table, and other data in this project's tables."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def add_all(self, drafts: Sequence[MessageDraft], now: datetime) -> Sequence[AddOutcome]:
        async with self._database.transaction() as connection:
            return await connection.run_sync(store_all, drafts, now)

    async def update(
        self, message_id: MessageId, editor_id: UserId, content: str, now: datetime
    ) -> Message:
        statement = update(messages).where(messages.c.id == message_id)
        async with self._database.transaction() as connection:
            message = await lock_message(connection, message_id, editor_id)
            if message.user_id != editor_id:
                raise NotTheAuthor
            await connection.execute(statement.values(content=content, updatedAt=now))
            return replace(message, content=content, updated_at=now)

    async def delete(self, message_id: MessageId, editor_id: UserId) -> DeletedMessage:
        """Delete the message. Foreign keys delete its sequence, deliveries and receipts."""
        async with self._database.transaction() as connection:
            message = await lock_message(connection, message_id, editor_id)
            if message.user_id != editor_id:
                raise NotTheAuthor
            await connection.execute(delete(messages).where(messages.c.id == message_id))
            return DeletedMessage(message_id=message_id, channel_id=message.channel_id)

    async def list_after(
        self, channel_id: ChannelId, reader_id: UserId, after_seq: int, limit: int
    ) -> tuple[Message, ...]:
        async with self._database.reading() as connection:
            if not await connection.scalar(select(belongs(channel_id, reader_id))):
                raise NotAMember
            return await read_page(connection, channel_id, after_seq, limit)

    async def stored_after(
        self, channel_id: ChannelId, after_seq: int, limit: int
    ) -> tuple[Message, ...]:
        async with self._database.asking() as connection:
            return await read_page(connection, channel_id, after_seq, limit)

    async def last_seqs(self, channel_ids: Collection[ChannelId]) -> Mapping[ChannelId, int]:
        async with self._database.asking() as connection:
            rows = await connection.execute(_LAST_SEQS, {"channel_ids": channel_ids})
            found = rows.all()
        return dict.fromkeys(channel_ids, 0) | {ChannelId(each): last for each, last in found}

    async def find(self, message_id: MessageId) -> Message | None:
        """Read a message. The original backend's messages are found once they are adopted."""
        query = select_messages().where(messages.c.id == message_id)
        async with self._database.asking() as connection:
            row = (await connection.execute(query)).mappings().one_or_none()
        return None if row is None else to_message(row)
