"""Adopts messages that the original backend stores in the same database."""

from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import (
    ColumnElement,
    Connection,
    Select,
    and_,
    bindparam,
    delete,
    func,
    insert,
    literal,
    or_,
    select,
    text,
)
from sqlalchemy.ext.asyncio import AsyncConnection

from app.adapters.sql.connection.database import Database
from app.adapters.sql.messages.repository import insert_sequences, take_sequences
from app.adapters.sql.schema.dialects import EARLIEST, LATEST, UPSERTS
from app.adapters.sql.schema.tables import (
    OTHERS,
    channel_members,
    channels,
    delivered_ranges,
    message_receipts,
    message_sequences,
    messages,
    read_receipts,
    users,
)
from app.domain.delivery import DeliveryState
from app.domain.ids import ChannelId, MessageId
from app.ports import AdoptionRepository

OVERLAP = timedelta(seconds=60)
"""The search for new messages begins this long before the date of the newest adopted message.

A message may be committed after messages with later dates.
"""

RANGE_MESSAGES = 5_000
"""The approximate number of older messages that `find_unsequenced` examines per call.

It examines older messages only if it finds none among the newest messages. The original backend may
store a message with an old date.
"""

_TICK = timedelta(milliseconds=1)

_SINGLE_RANGES = ["channel_id", "user_id", "first_seq", "end_seq"]
_AMONG_SEQUENCES = message_sequences.c.message_id.in_(bindparam("message_ids", expanding=True))
# Members who joined after a message was sent are not its recipients. ``_OLDEST`` limits the members
# that ``_JOINED_LATER`` compares with every message.
_OLDEST = (
    select(messages.c.channelId, func.min(messages.c.createdAt).label("createdAt"))
    .where(messages.c.id.in_(bindparam("message_ids", expanding=True)))
    .group_by(messages.c.channelId)
    .subquery("oldest")
)
_JOINED_LATER = (
    select(
        message_sequences.c.channel_id,
        channel_members.c.userId,
        message_sequences.c.seq,
        message_sequences.c.seq + 1,
    )
    .select_from(_OLDEST)
    .join(
        channel_members,
        and_(
            channel_members.c.channelId == _OLDEST.c.channelId,
            channel_members.c.joined_at > _OLDEST.c.createdAt,
        ),
    )
    .join(message_sequences, message_sequences.c.channel_id == channel_members.c.channelId)
    .join(messages, messages.c.id == message_sequences.c.message_id)
    .where(
        _AMONG_SEQUENCES,
        channel_members.c.joined_at > messages.c.createdAt,
        channel_members.c.userId != messages.c.userId,
    )
    .join(users, users.c.id == channel_members.c.userId)
    .with_for_update(read=True, key_share=True, of=users, skip_locked=True)
)
_HAVE_READ = (
    select(
        message_sequences.c.position,
        read_receipts.c.userId,
        literal(DeliveryState.READ, message_receipts.c.status.type),
        read_receipts.c.readAt,
    )
    .join(messages, messages.c.id == message_sequences.c.message_id)
    .join(read_receipts, read_receipts.c.messageId == messages.c.id)
    .join(
        channel_members,
        and_(
            channel_members.c.channelId == message_sequences.c.channel_id,
            channel_members.c.userId == read_receipts.c.userId,
        ),
    )
    .where(
        _AMONG_SEQUENCES,
        read_receipts.c.userId != messages.c.userId,
        or_(
            channel_members.c.joined_at.is_(None),
            messages.c.createdAt.is_(None),
            channel_members.c.joined_at <= messages.c.createdAt,
        ),
    )
    .join(users, users.c.id == channel_members.c.userId)
    .with_for_update(read=True, key_share=True, of=users, skip_locked=True)
)
_RANGES_OF_READERS = (
    select(
        message_sequences.c.channel_id,
        message_receipts.c.recipient_id,
        message_sequences.c.seq,
        message_sequences.c.seq + 1,
    )
    .join(message_receipts, message_receipts.c.position == message_sequences.c.position)
    .where(_AMONG_SEQUENCES)
)

_AUTHORED = (
    select(message_sequences.c.channel_id, messages.c.userId, message_sequences.c.seq)
    .join(messages, messages.c.id == message_sequences.c.message_id)
    .where(_AMONG_SEQUENCES)
    .order_by(message_sequences.c.channel_id, message_sequences.c.seq)
)
_EXTEND_RANGE = text("""
UPDATE delivered_ranges SET end_seq = :end
WHERE channel_id = :channel_id AND user_id = :user_id AND end_seq = :first AND first_seq = (
    SELECT MAX(first_seq) FROM delivered_ranges
    WHERE channel_id = :channel_id AND user_id = :user_id AND first_seq < :first
)
""")
_ADD_RANGE = text("""
INSERT INTO delivered_ranges (channel_id, user_id, first_seq, end_seq)
VALUES (:channel_id, :user_id, :first, :end) ON CONFLICT DO NOTHING
""")

# Use scalar subqueries, which look up one row. For NOT EXISTS, PostgreSQL may read a whole table.
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
_UNSEQUENCED_AMONG = _UNSEQUENCED.where(_AMONG_IDS)
# Locks messages, channels and authors against deletion. A message is skipped if another transaction
# has locked one of its rows (see `app.adapters.sql.skipped_items`). The next poll finds it again.
_LOCKED = (
    select(messages.c.id, channels.c.id)
    .join(channels, channels.c.id == messages.c.channelId)
    .join(users, users.c.id == messages.c.userId)
    .where(_AMONG_IDS)
    .with_for_update(read=True, key_share=True, of=(messages, users, channels), skip_locked=True)
)


class SqlAdoptionRepository(AdoptionRepository):
    """Finds messages without a sequence number, and assigns a number to each.

    Args:
        range_messages: The approximate number of older messages that `find_unsequenced` examines
            per call, if it finds none among the newest messages.
    """

    def __init__(self, database: Database, range_messages: int = RANGE_MESSAGES) -> None:
        self._database = database
        self._range_messages = range_messages
        self._examined_until: datetime | None = None

    async def find_unsequenced(
        self,
        limit: int,
        now: datetime,
        except_messages: Collection[MessageId] = (),
        except_channels: Collection[ChannelId] = (),
    ) -> Mapping[ChannelId, Sequence[MessageId]]:
        """Search the newest messages. If this finds none, search a range of older messages.

        If this range contains none either, the next search of older messages continues after it.
        """
        query = _UNSEQUENCED
        if except_messages:
            query = query.where(messages.c.id.not_in(except_messages))
        if except_channels:
            query = query.where(messages.c.channelId.not_in(except_channels))
        async with self._database.reading() as connection:
            dates = await _newest_range(connection, now)
            found = await _find_unsequenced(connection, query, dates, limit)
            if not found:
                dates = await _range_from(connection, self._examined_until, self._range_messages)
                found = await _find_unsequenced(connection, query, dates, limit)
        if not found:
            self._examined_until = dates.end
        return found

    async def adopt(self, message_ids: Sequence[MessageId]) -> int:
        """Insert missing sequence numbers, and receipts of members who have read these messages."""
        async with self._database.transaction() as connection:
            return await connection.run_sync(adopt_all, message_ids)


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
    """Return the dates from `OVERLAP` before the newest adopted message; all if there is none."""
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
    # If more than ``count`` messages have the date ``start``, the range would be empty, and each
    # later search would begin at the same date. So extend the range by a millisecond.
    if start is not None and end is not None and end <= start:
        end = None if start >= LATEST else start + _TICK
    return DateRange(start, end)


async def _find_unsequenced(
    connection: AsyncConnection, query: Select[*tuple[Any, ...]], dates: DateRange, limit: int
) -> dict[ChannelId, list[MessageId]]:
    """Return the ``limit`` oldest messages in a range that have no sequence number.

    Messages without a date come last.
    """
    conditions = [dates.contains_date()]
    if dates.start is None:
        # Use a separate query: for a query with OR, a planner may read all messages with a date.
        conditions.append(messages.c.createdAt.is_(None))
    found: dict[ChannelId, list[MessageId]] = {}
    for condition in conditions:
        selected = query.where(OTHERS, condition).limit(limit)
        rows = await connection.execute(selected)
        for row in rows:
            found.setdefault(row.channelId, []).append(row.id)
        limit -= sum(map(len, found.values()))
    return found


def adopt_again(connection: Connection, message_ids: Sequence[MessageId]) -> int:
    """Assign new sequence numbers to these messages, and rebuild receipts from ``read_receipts``.

    Skips messages that another transaction has locked. Returns the number of changed messages.
    """
    locked = list(_lock(connection, message_ids))
    connection.execute(delete(message_sequences).where(_AMONG_SEQUENCES), {"message_ids": locked})
    return adopt_all(connection, locked)


def adopt_all(connection: Connection, message_ids: Sequence[MessageId]) -> int:
    """Insert the missing sequence numbers of these messages; return how many were inserted.

    Another node may adopt the same messages at the same time. So this first locks their channels,
    and then selects the messages that have no sequence number.
    """
    locked = _lock(connection, message_ids)
    if not locked:
        return 0
    channel_ids = set(locked.values())
    take_sequences(connection, dict.fromkeys(channel_ids, 0))  # Only lock the channels.
    left = connection.execute(_UNSEQUENCED_AMONG, {"message_ids": list(locked)})
    found = [(row.id, row.channelId) for row in left]
    if not found:
        return 0
    numbers = take_sequences(connection, Counter(channel_id for _, channel_id in found))
    taken = [
        {
            "message_id": message_id,
            "channel_id": channel_id,
            "seq": next(numbers[channel_id]),
            "revision": 1,
        }
        for message_id, channel_id in found
    ]
    insert_sequences(connection, taken)
    ids = [message_id for message_id, _ in found]
    insert_range = UPSERTS[connection.dialect.name](delivered_ranges).on_conflict_do_nothing
    receipts = ["position", "recipient_id", "status", "updated_at"]
    for statement in (
        insert_range().from_select(_SINGLE_RANGES, _JOINED_LATER),
        insert(message_receipts).from_select(receipts, _HAVE_READ),
        insert_range().from_select(_SINGLE_RANGES, _RANGES_OF_READERS),
    ):
        connection.execute(statement, {"message_ids": ids})
    for channel_id, author_id, seq in connection.execute(_AUTHORED, {"message_ids": ids}).all():
        row = {"channel_id": channel_id, "user_id": author_id, "first": seq, "end": seq + 1}
        if not connection.execute(_EXTEND_RANGE, row).rowcount:
            connection.execute(_ADD_RANGE, row)
    return len(found)


def _lock(connection: Connection, message_ids: Sequence[MessageId]) -> dict[MessageId, ChannelId]:
    """Lock the messages that no other transaction has locked; return the channel of each."""
    rows = connection.execute(_LOCKED, {"message_ids": message_ids})
    return {message_id: channel_id for message_id, channel_id in rows}  # noqa: C416 - typed
