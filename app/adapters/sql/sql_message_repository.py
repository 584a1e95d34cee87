"""Messages in the database."""

from dataclasses import replace
from datetime import datetime

from sqlalchemy import delete, select, update

from app.adapters.sql.database import Database
from app.adapters.sql.membership import belongs
from app.adapters.sql.message_rows import lock_message, select_messages, to_message
from app.adapters.sql.message_storing import claim, find_sender, insert_message
from app.adapters.sql.tables import message_sequences, messages
from app.domain.errors import MessageDeleted, NotAMember, NotTheAuthor
from app.domain.ids import ChannelId, MessageId, UserId
from app.domain.message import DeletedMessage, Message, MessageDraft
from app.ports import MessageRepository, StoredMessage


class SqlMessageRepository(MessageRepository):
    """Content stands in the original backend's table; order, deliveries and client ids in ours."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def add(self, draft: MessageDraft, now: datetime) -> StoredMessage:
        """Store a message and its deliveries, unless its client message id is known."""
        async with self._database.transaction() as connection:
            sender = await find_sender(connection, draft)
            earlier_id = await claim(connection, draft)
            if earlier_id is None:
                message = await insert_message(connection, draft, sender, now)
                return StoredMessage(message, is_new=True)
            query = select_messages().where(messages.c.id == earlier_id)
            row = (await connection.execute(query)).mappings().one_or_none()
            if row is None:
                raise MessageDeleted
            return StoredMessage(to_message(row), is_new=False)

    async def update(
        self, message_id: MessageId, editor_id: UserId, content: str, now: datetime
    ) -> Message:
        """Replace the content."""
        statement = update(messages).where(messages.c.id == message_id)
        async with self._database.transaction() as connection:
            message = await lock_message(connection, message_id, editor_id)
            if message.user_id != editor_id:
                raise NotTheAuthor
            await connection.execute(statement.values(content=content, updatedAt=now))
            return replace(message, content=content, updated_at=now)

    async def delete(self, message_id: MessageId, editor_id: UserId) -> DeletedMessage:
        """Delete the message; its number, deliveries and receipts go with it by cascade."""
        async with self._database.transaction() as connection:
            message = await lock_message(connection, message_id, editor_id)
            if message.user_id != editor_id:
                raise NotTheAuthor
            await connection.execute(delete(messages).where(messages.c.id == message_id))
            return DeletedMessage(message_id=message_id, channel_id=message.channel_id)

    async def channel_of(self, message_id: MessageId) -> ChannelId | None:
        """The channel of a message."""
        query = select(messages.c.channelId).where(messages.c.id == message_id)
        async with self._database.reading() as connection:
            found: ChannelId | None = await connection.scalar(query)
            return found

    async def list_after(
        self, channel_id: ChannelId, reader_id: UserId, after_seq: int, limit: int
    ) -> tuple[Message, ...]:
        """A stretch of the channel, by ``seq``."""
        query = (
            select_messages()
            .where(message_sequences.c.channel_id == channel_id)
            .where(message_sequences.c.seq > after_seq)
            .order_by(message_sequences.c.seq)
            .limit(limit)
        )
        async with self._database.reading() as connection:
            if not await connection.scalar(select(belongs(channel_id, reader_id))):
                raise NotAMember
            rows = (await connection.execute(query)).mappings().all()
        return tuple(to_message(row) for row in rows)
