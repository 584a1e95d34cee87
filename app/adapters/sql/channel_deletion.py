"""Deleting a channel, however many messages it has: many short transactions."""

from sqlalchemy import delete, select, tuple_
from sqlalchemy.ext.asyncio import AsyncConnection

from app.adapters.sql.database import Database
from app.adapters.sql.tables import channels, message_deliveries, messages
from app.domain.ids import ChannelId

MESSAGES_AT_ONCE = 1_000
DELIVERIES_AT_ONCE = 10_000
"""A thousand messages to a thousand members have a million."""


async def delete_channel(database: Database, channel_id: ChannelId) -> None:
    """Delete the messages in portions, then the channel with whatever else there is of it.

    Raises:
        Unavailable: Some is deleted; the next call goes on.
    """
    while True:
        async with database.transaction() as connection:
            if not await _delete_portion(connection, channel_id):
                await connection.execute(delete(channels).where(channels.c.id == channel_id))
                return


async def _delete_portion(connection: AsyncConnection, channel_id: ChannelId) -> bool:
    """Whether there was anything; messages go when nothing is left to be delivered of them."""
    portion = (
        select(messages.c.id).where(messages.c.channelId == channel_id).limit(MESSAGES_AT_ONCE)
    )
    # Before their deliveries and sorted, as everybody else locks them.
    locked = select(messages.c.id).where(messages.c.id.in_(portion)).order_by(messages.c.id)
    ids = (await connection.scalars(locked.with_for_update())).all()
    if not ids:
        return False
    delivery = (message_deliveries.c.message_id, message_deliveries.c.recipient_id)
    of_portion = message_deliveries.c.message_id.in_(ids)
    some = select(*delivery).where(of_portion).limit(DELIVERIES_AT_ONCE)
    gone = await connection.execute(
        # Said twice, so that no planner takes it into its head to look at all deliveries.
        delete(message_deliveries).where(of_portion, tuple_(*delivery).in_(some))
    )
    if gone.rowcount < DELIVERIES_AT_ONCE:
        await connection.execute(delete(messages).where(messages.c.id.in_(ids)))
    return True
