"""Messages in the database."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime

from sqlalchemy import delete, select, update

from app.adapters.sql.database import Database
from app.adapters.sql.membership import belongs
from app.adapters.sql.message_adopting import (
    STRETCH_MESSAGES,
    Stretch,
    adopt_from,
    find_channels,
    newest_stretch,
    stretch_from,
)
from app.adapters.sql.message_rows import lock_message, read_stretch
from app.adapters.sql.message_storing import store_all
from app.adapters.sql.tables import channel_sequences, messages
from app.domain.errors import NotAMember, NotTheAuthor
from app.domain.ids import ChannelId, MessageId, UserId
from app.domain.message import DeletedMessage, Message, MessageDraft
from app.ports import Added, MessageRepository


class SqlMessageRepository(MessageRepository):
    """Content stands in the original backend's table; order, deliveries and client ids in ours.

    Args:
        database: Where.
        stretch_messages: How many messages of others `adopt` looks at besides the newest.
    """

    def __init__(self, database: Database, stretch_messages: int = STRETCH_MESSAGES) -> None:
        self._database = database
        self._stretch_messages = stretch_messages
        self._looked_through = Stretch().start

    async def add_all(self, drafts: Sequence[MessageDraft], now: datetime) -> Sequence[Added]:
        """Store messages and their deliveries, but none whose client message id is known."""
        async with self._database.transaction() as connection:
            return await store_all(connection, drafts, now)

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

    async def list_after(
        self, channel_id: ChannelId, reader_id: UserId, after_seq: int, limit: int
    ) -> tuple[Message, ...]:
        """A stretch of the channel, by ``seq``."""
        async with self._database.reading() as connection:
            if not await connection.scalar(select(belongs(channel_id, reader_id))):
                raise NotAMember
            return await read_stretch(connection, channel_id, after_seq, limit)

    async def stored_after(
        self, channel_id: ChannelId, after_seq: int, limit: int
    ) -> tuple[Message, ...]:
        """The same stretch."""
        async with self._database.reading() as connection:
            return await read_stretch(connection, channel_id, after_seq, limit)

    async def last_seq(self, channel_id: ChannelId) -> int:
        """The last number given."""
        query = select(channel_sequences.c.last_seq).where(
            channel_sequences.c.channel_id == channel_id
        )
        async with self._database.reading() as connection:
            return await connection.scalar(query) or 0

    async def adopt(self, limit: int, now: datetime) -> Mapping[ChannelId, int]:
        """Take in what has no place yet: of the newest, and of one stretch of all the others.

        Only reads when there is nothing.
        """
        async with self._database.reading() as connection:
            stretch = await newest_stretch(connection, now)
            channel_ids = await find_channels(connection, stretch, limit)
            if not channel_ids:
                stretch = await stretch_from(
                    connection, self._looked_through, self._stretch_messages
                )
                channel_ids = await find_channels(connection, stretch, limit)
        if not channel_ids:
            self._looked_through = stretch.end or Stretch().start
            return {}
        async with self._database.transaction() as connection:
            return await adopt_from(connection, stretch, channel_ids, limit, now)
