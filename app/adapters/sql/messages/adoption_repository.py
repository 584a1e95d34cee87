"""The adoption of messages that the original backend stores in the same database."""

from collections.abc import Mapping, Sequence
from datetime import datetime

from app.adapters.sql.connection.database import Database
from app.adapters.sql.messages.adopt import (
    STRETCH_MESSAGES,
    adopt_all,
    find_unplaced,
    newest_stretch,
    stretch_from,
)
from app.domain.ids import ChannelId, MessageId
from app.ports import AdoptionRepository


class SqlAdoptionRepository(AdoptionRepository):
    """Looks for messages without a row in the table of sequence numbers.

    Args:
        database: The database that both backends use.
        stretch_messages: How many older messages one call of `find_unsequenced` examines.
    """

    def __init__(self, database: Database, stretch_messages: int = STRETCH_MESSAGES) -> None:
        self._database = database
        self._stretch_messages = stretch_messages
        self._examined_until: datetime | None = None

    async def find_unsequenced(
        self, limit: int, now: datetime
    ) -> Mapping[ChannelId, Sequence[MessageId]]:
        """Examine the newest messages, and if all have a ``seq``, some of the older ones."""
        async with self._database.reading() as connection:
            stretch = await newest_stretch(connection, now)
            found = await find_unplaced(connection, stretch, limit)
            if not found:
                stretch = await stretch_from(
                    connection, self._examined_until, self._stretch_messages
                )
                found = await find_unplaced(connection, stretch, limit)
        if not found:
            self._examined_until = stretch.end
        return found

    async def adopt(self, message_ids: Sequence[MessageId], now: datetime) -> None:
        """Insert the sequence numbers and deliveries of those that have none."""
        async with self._database.transaction() as connection:
            await connection.run_sync(adopt_all, message_ids, now)
