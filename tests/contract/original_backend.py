"""Stores messages as the original backend does, and gives them sequences as this server does."""

from datetime import datetime, timedelta

from sqlalchemy import insert

from app.adapters.sql.connection.database import Database
from app.adapters.sql.schema.tables import messages
from app.domain.ids import ChannelId, MessageId, UserId
from tests.contract.storage import ALICE, GENERAL, Storage
from tests.doubles.manual_clock import DEFAULT_START as NOW

LATER = NOW + timedelta(hours=1)
"""The time at which the messages are adopted."""


async def store_as_prisma(
    database: Database,
    message_id: str,
    *,
    user_id: UserId = ALICE,
    channel_id: ChannelId = GENERAL,
    created_at: datetime = NOW,
) -> None:
    """Store a message as Prisma does: DELIVERED, without a sequence or deliveries."""
    async with database.transaction() as connection:
        await connection.execute(
            insert(messages).values(
                id=message_id,
                content=f"content of {message_id}",
                channelId=channel_id,
                userId=user_id,
                createdAt=created_at,
                updatedAt=created_at,
                deliveryStatus="DELIVERED",
            )
        )


async def adopt(storage: Storage, limit: int = 100) -> dict[ChannelId, list[MessageId]]:
    """Adopt up to ``limit`` messages that have no sequence, and return their ids by channel."""
    found = await storage.adoption.find_unsequenced(limit, LATER)
    await storage.adoption.adopt([each for ids in found.values() for each in ids])
    return {channel_id: list(ids) for channel_id, ids in found.items()}


async def adopt_all(storage: Storage, limit: int = 100) -> None:
    """Adopt messages, ``limit`` at a time, until every message has a sequence."""
    while await adopt(storage, limit):
        pass


async def order_of(storage: Storage, channel_id: ChannelId = GENERAL) -> list[tuple[int, str]]:
    """Return the sequence and id of every message of a channel, in order."""
    stored = await storage.messages.stored_after(channel_id, 0, 1_000)
    return [(message.seq, message.id) for message in stored]
