"""Adopts messages that the original backend stores in the same database."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import ColumnElement, Connection, and_, bindparam, case, func, or_, select
from sqlalchemy.ext.asyncio import AsyncConnection

from app.adapters.sql.connection.database import Database
from app.adapters.sql.messages.repository import (
    RECIPIENTS,
    deliveries_to,
    insert_sequences,
    take_sequences,
)
from app.adapters.sql.schema.dialects import EARLIEST, LATEST
from app.adapters.sql.schema.tables import (
    OTHERS,
    channel_members,
    channels,
    message_deliveries,
    message_sequences,
    messages,
    read_receipts,
    users,
)
from app.domain.delivery import DeliveryState
from app.domain.ids import ChannelId, MessageId
from app.ports import AdoptionRepository

OVERLAP = timedelta(seconds=60)
"""A message is found at once if it becomes visible within this time after its date."""

RANGE_MESSAGES = 5_000
"""The number of older messages per call of `find_unsequenced`: new messages may have old dates."""

_TICK = timedelta(milliseconds=1)

_DELIVERIES = deliveries_to(
    RECIPIENTS.add_columns(
        case(
            (read_receipts.c.messageId.is_not(None), DeliveryState.READ), else_=DeliveryState.SENT
        ),
        func.coalesce(
            read_receipts.c.readAt,
            bindparam("now", type_=message_deliveries.c.updated_at.type),
        ),
    )
    .outerjoin(
        read_receipts,
        and_(
            read_receipts.c.messageId == messages.c.id,
            read_receipts.c.userId == channel_members.c.userId,
        ),
    )
    .where(
        or_(
            channel_members.c.joined_at.is_(None),
            messages.c.createdAt.is_(None),
            channel_members.c.joined_at <= messages.c.createdAt,
        )
    )
)

# Use scalar subqueries, which look up a single row: for NOT EXISTS, PostgreSQL may read the table.
_SEQUENCE = (
    select(message_sequences.c.position)
    .where(message_sequences.c.message_id == messages.c.id)
    .scalar_subquery()
)
# A database without foreign keys may contain messages whose author or channel was deleted. Nobody
# can read such messages, and they must not block the adoption of other messages.
_AUTHOR = select(users.c.id).where(users.c.id == messages.c.userId).scalar_subquery()
_CHANNEL = select(channels.c.id).where(channels.c.id == messages.c.channelId).scalar_subquery()
_UNSEQUENCED = (
    select(messages.c.id, messages.c.channelId)
    .where(_SEQUENCE.is_(None), _AUTHOR.is_not(None), _CHANNEL.is_not(None))
    .order_by(messages.c.createdAt, messages.c.id)
)
_AMONG_IDS = messages.c.id.in_(bindparam("message_ids", expanding=True))
_UNSEQUENCED_AMONG = _UNSEQUENCED.where(_AMONG_IDS).with_for_update(
    read=True, key_share=True, of=messages
)
# Locks channels and authors against deletion. This statement runs first, so that it waits for a
# concurrent deletion before the transaction holds a lock that the deletion needs.
_LOCK_CHANNELS_AND_AUTHORS = (
    select(channels.c.id)
    .join(messages, messages.c.channelId == channels.c.id)
    .join(users, users.c.id == messages.c.userId)
    .where(_AMONG_IDS)
    .order_by(users.c.id, channels.c.id)
    .with_for_update(read=True, key_share=True, of=(users, channels))
)


class SqlAdoptionRepository(AdoptionRepository):
    """Finds messages without a sequence number, and inserts one for each.

    Args:
        range_messages: The number of older messages that `find_unsequenced` examines per call.
    """

    def __init__(self, database: Database, range_messages: int = RANGE_MESSAGES) -> None:
        self._database = database
        self._range_messages = range_messages
        self._examined_until: datetime | None = None

    async def find_unsequenced(
        self, limit: int, now: datetime
    ) -> Mapping[ChannelId, Sequence[MessageId]]:
        """Search the newest messages. If this finds none, search a range of older messages."""
        async with self._database.reading() as connection:
            dates = await _newest_range(connection, now)
            found = await _find_unsequenced(connection, dates, limit)
            if not found:
                dates = await _range_from(connection, self._examined_until, self._range_messages)
                found = await _find_unsequenced(connection, dates, limit)
        if not found:
            self._examined_until = dates.end
        return found

    async def adopt(self, message_ids: Sequence[MessageId], now: datetime) -> None:
        """Insert the missing sequence numbers and deliveries of these messages."""
        async with self._database.transaction() as connection:
            await connection.run_sync(_adopt_all, message_ids, now)


@dataclass(frozen=True, slots=True)
class DateRange:
    """A range of dates of the original backend's messages.

    A range without a ``start`` has no lower bound, and also includes messages without a date. A
    range without an ``end`` has no upper bound.
    """

    start: datetime | None = None
    end: datetime | None = None

    def contains_date(self) -> ColumnElement[bool]:
        """Build the condition that a message has a date, and that the date is in the range."""
        date = messages.c.createdAt
        # Do not compare with ``EARLIEST``: SQLite may contain invalid dates, which sort before it.
        is_late_enough = date.is_not(None) if self.start is None else date >= self.start
        return is_late_enough if self.end is None else and_(is_late_enough, date < self.end)


async def _newest_range(connection: AsyncConnection, now: datetime) -> DateRange:
    """Return the range of dates of messages that may be new since the last adoption."""
    # Ignore dates in the future: they would exclude new messages with earlier dates.
    newest = await connection.scalar(
        select(messages.c.createdAt)
        .join(message_sequences, message_sequences.c.message_id == messages.c.id)
        .where(OTHERS, messages.c.createdAt <= now)
        .order_by(messages.c.createdAt.desc())
        .limit(1)
    )
    if newest is None or newest - EARLIEST < OVERLAP:
        return DateRange()
    return DateRange(newest - OVERLAP)


async def _range_from(connection: AsyncConnection, start: datetime | None, count: int) -> DateRange:
    """Return the range of dates that begins at ``start`` and contains about ``count`` messages."""
    end = await connection.scalar(
        select(messages.c.createdAt)
        .where(OTHERS, DateRange(start).contains_date())
        .order_by(messages.c.createdAt)
        .offset(count)
        .limit(1)
    )
    # Continue after ``start`` even if more than ``count`` messages have the same date.
    if start is not None and end is not None and end <= start:
        end = None if start >= LATEST else start + _TICK
    return DateRange(start, end)


async def _find_unsequenced(
    connection: AsyncConnection, dates: DateRange, limit: int
) -> dict[ChannelId, list[MessageId]]:
    """Return the ``limit`` oldest messages without a sequence; those without a date come last."""
    conditions = [dates.contains_date()]
    if dates.start is None:
        # Use a separate query: for an OR, a planner may read all messages with a date.
        conditions.append(messages.c.createdAt.is_(None))
    found: dict[ChannelId, list[MessageId]] = {}
    for condition in conditions:
        query = _UNSEQUENCED.where(OTHERS, condition).limit(limit)
        for message_id, channel_id in await connection.execute(query):
            found.setdefault(channel_id, []).append(message_id)
        limit -= sum(map(len, found.values()))
    return found


def _adopt_all(connection: Connection, message_ids: Sequence[MessageId], now: datetime) -> None:
    """Insert the missing sequences and deliveries of these messages.

    Another node may adopt the same messages, so this first locks their channels, and then reads
    which messages still have no sequence.
    """
    locked = connection.execute(_LOCK_CHANNELS_AND_AUTHORS, {"message_ids": message_ids})
    channel_ids = {channel_id for (channel_id,) in locked}
    if not channel_ids:
        return
    take_sequences(connection, dict.fromkeys(channel_ids, 0))  # A count of 0 only locks.
    rows = connection.execute(_UNSEQUENCED_AMONG, {"message_ids": message_ids})
    found = [(message_id, channel_id) for message_id, channel_id in rows]
    if not found:
        return
    numbers = take_sequences(connection, Counter(channel_id for _, channel_id in found))
    taken = [
        {"message_id": message_id, "channel_id": channel_id, "seq": next(numbers[channel_id])}
        for message_id, channel_id in found
    ]
    insert_sequences(connection, taken)
    ids = [message_id for message_id, _ in found]
    connection.execute(_DELIVERIES, {"message_ids": ids, "now": now})
