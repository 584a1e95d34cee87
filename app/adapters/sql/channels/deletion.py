"""Deleting a channel, however many messages it has: many short transactions."""

from collections.abc import Sequence

from sqlalchemy import delete, select, text
from sqlalchemy.ext.asyncio import AsyncConnection

from app.adapters.sql.connection.database import Database
from app.adapters.sql.schema.tables import channels, message_deliveries, messages
from app.domain.ids import ChannelId

MESSAGES_AT_ONCE = 1_000
DELIVERIES_AT_ONCE = 10_000
"""A thousand messages to a thousand members have a million."""

# A session keeps the plans of its foreign keys. Made while the tables were small, they read them
# whole: once for each message, and a portion would never be deleted in time.
_FORGET_PLANS = text("DISCARD PLANS")


async def delete_channel(database: Database, channel_id: ChannelId) -> None:
    """Delete the messages in portions, then the channel with whatever else there is of it.

    Raises:
        Unavailable: Some is deleted; the next call goes on.
    """
    while True:
        async with database.transaction() as connection:
            if connection.dialect.name == "postgresql":
                await connection.execute(_FORGET_PLANS)
            portion = await _portion(connection, channel_id)
            if not portion:
                await connection.execute(delete(channels).where(channels.c.id == channel_id))
                return
            # What refers to them goes with them.
            await connection.execute(delete(messages).where(messages.c.id.in_(portion)))


async def _portion(connection: AsyncConnection, channel_id: ChannelId) -> Sequence[str]:
    """Some of the messages, locked; one by itself if it has more deliveries than go at once."""
    some = select(messages.c.id).where(messages.c.channelId == channel_id).limit(MESSAGES_AT_ONCE)
    # Before their deliveries and sorted, as everybody else locks them.
    locked = select(messages.c.id).where(messages.c.id.in_(some)).order_by(messages.c.id)
    ids = (await connection.scalars(locked.with_for_update())).all()
    too_many = (
        select(message_deliveries.c.message_id)
        .where(message_deliveries.c.message_id.in_(ids))
        .order_by(message_deliveries.c.message_id)
        .offset(DELIVERIES_AT_ONCE)
        .limit(1)
    )
    first_left_out = await connection.scalar(too_many) if ids else None
    if first_left_out is None:
        return ids
    return ids[: max(1, ids.index(first_left_out))]
