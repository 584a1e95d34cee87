"""Deletes a channel and all its messages, in many short transactions."""

from collections.abc import Sequence

from sqlalchemy import Connection, column, delete, inspect, select, table, text
from sqlalchemy.ext.asyncio import AsyncConnection

from app.adapters.sql.connection.database import Database
from app.adapters.sql.schema.tables import channels, message_receipts, message_sequences, messages
from app.domain.ids import ChannelId

MESSAGES_AT_ONCE = 1_000
RECEIPTS_AT_ONCE = 10_000
"""The maximum number of receipts that a batch deletes, unless its only message has more.

A thousand messages may have a million receipts.
"""

_OLD_DELIVERIES = table("message_deliveries", column("message_id"))
# A PostgreSQL session caches the plans of the queries that check foreign keys. A plan that was made
# while the tables were small scans a whole table for each deleted message, so deleting a batch
# would exceed the time limit. This statement discards such plans.
_FORGET_PLANS = text("DISCARD PLANS")


async def delete_channel(database: Database, channel_id: ChannelId) -> None:
    """Delete the messages in batches, then the channel with everything that refers to it.

    Raises:
        Unavailable: The deletion is incomplete, but some messages may be deleted. Another call
            deletes the remaining messages and the channel.
    """
    while True:
        async with database.transaction() as connection:
            if connection.dialect.name == "postgresql":
                await connection.execute(_FORGET_PLANS)
            batch = await _lock_batch(connection, channel_id)
            if await connection.run_sync(_has_old_deliveries):
                batch = await _with_few_old_deliveries(connection, batch)
            if not batch:
                await connection.execute(delete(channels).where(channels.c.id == channel_id))
                return
            # Foreign keys delete the rows that refer to the messages.
            await connection.execute(delete(messages).where(messages.c.id.in_(batch)))


async def _lock_batch(connection: AsyncConnection, channel_id: ChannelId) -> Sequence[str]:
    """Lock some messages of the channel, and return the ids of those to delete in one batch.

    The result is empty if no message is left.
    """
    some = select(messages.c.id).where(messages.c.channelId == channel_id).limit(MESSAGES_AT_ONCE)
    # Lock the messages in the order of their ids, and before the rows that refer to them, as other
    # transactions do. A different order could cause deadlocks.
    locked = select(messages.c.id).where(messages.c.id.in_(some)).order_by(messages.c.id)
    ids = (await connection.scalars(locked.with_for_update())).all()
    sequences = (
        select(message_sequences.c.message_id, message_sequences.c.position)
        .where(message_sequences.c.message_id.in_(ids))
        .order_by(message_sequences.c.position)
    )
    positions = (await connection.execute(sequences)).all() if ids else ()
    too_many = (
        select(message_receipts.c.position)
        .where(message_receipts.c.position.in_([position for _, position in positions]))
        .order_by(message_receipts.c.position)
        .offset(RECEIPTS_AT_ONCE)
        .limit(1)
    )
    first_left_out = await connection.scalar(too_many) if positions else None
    if first_left_out is None:
        return ids
    fitting = [message_id for message_id, position in positions if position < first_left_out]
    return fitting or [positions[0].message_id]


def _has_old_deliveries(connection: Connection) -> bool:
    return inspect(connection).has_table(_OLD_DELIVERIES.name)


async def _with_few_old_deliveries(
    connection: AsyncConnection, message_ids: Sequence[str]
) -> Sequence[str]:
    """Return the first ids, at least one, that together have few rows in ``message_deliveries``."""
    too_many = (
        select(_OLD_DELIVERIES.c.message_id)
        .where(_OLD_DELIVERIES.c.message_id.in_(message_ids))
        .order_by(_OLD_DELIVERIES.c.message_id)
        .offset(RECEIPTS_AT_ONCE)
        .limit(1)
    )
    first_left_out = await connection.scalar(too_many) if message_ids else None
    if first_left_out is None:
        return message_ids
    return [each for each in message_ids if each < first_left_out] or [first_left_out]
