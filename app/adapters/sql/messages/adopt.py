"""Adopt messages that the original backend stored: the steps of `find_unsequenced` and `adopt`."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import ColumnElement, Connection, and_, bindparam, case, func, or_, select
from sqlalchemy.ext.asyncio import AsyncConnection

from app.adapters.sql.messages.sequences import (
    RECIPIENTS,
    deliveries_to,
    insert_places,
    take_numbers,
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

OVERLAP = timedelta(seconds=60)
"""How much later than its date a message may become visible, and still be found at once."""

STRETCH_MESSAGES = 5_000
"""How many are looked at again with every look, one stretch after the other, for those that came
with an old date."""

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

# Looked up one by one: for NOT EXISTS, PostgreSQL may read every place there is.
_PLACE = (
    select(message_sequences.c.position)
    .where(message_sequences.c.message_id == messages.c.id)
    .scalar_subquery()
)
# Likewise: without foreign keys, a message may have an author or a channel that is no more. It is
# nobody's to read, and must not stop those that are.
_AUTHOR = select(users.c.id).where(users.c.id == messages.c.userId).scalar_subquery()
_CHANNEL = select(channels.c.id).where(channels.c.id == messages.c.channelId).scalar_subquery()
_UNPLACED = (
    select(messages.c.id, messages.c.channelId)
    .where(_PLACE.is_(None), _AUTHOR.is_not(None), _CHANNEL.is_not(None))
    .order_by(messages.c.createdAt, messages.c.id)
)
_AMONG_IDS = messages.c.id.in_(bindparam("message_ids", expanding=True))
_UNPLACED_AMONG = _UNPLACED.where(_AMONG_IDS).with_for_update(
    read=True, key_share=True, of=messages
)
# Channels and authors stay until the transaction ends: one that is being deleted is waited for
# here, before anything is locked that its deletion is going to want.
_HELD = (
    select(channels.c.id)
    .join(messages, messages.c.channelId == channels.c.id)
    .join(users, users.c.id == messages.c.userId)
    .where(_AMONG_IDS)
    .order_by(users.c.id, channels.c.id)
    .with_for_update(read=True, key_share=True, of=(users, channels))
)


@dataclass(frozen=True, slots=True)
class DateRange:
    """Messages of the original backend by their dates.

    Without a ``start`` it has all that are earlier and those without a date; without an ``end``,
    all that are later.
    """

    start: datetime | None = None
    end: datetime | None = None

    def is_dated(self) -> ColumnElement[bool]:
        """Whether a message is one of those with a date."""
        date = messages.c.createdAt
        # Not from `EARLIEST` on: SQLite may hold what is no time, and sorts it before.
        is_late_enough = date.is_not(None) if self.start is None else date >= self.start
        return is_late_enough if self.end is None else and_(is_late_enough, date < self.end)


async def newest_stretch(connection: AsyncConnection, now: datetime) -> DateRange:
    """What may have come since the last look, however much there is before it."""
    # A date from the future must not hide what comes before it.
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


async def stretch_from(
    connection: AsyncConnection, start: datetime | None, count: int
) -> DateRange:
    """The next ``count`` or so, whether they have places or not."""
    end = await connection.scalar(
        select(messages.c.createdAt)
        .where(OTHERS, DateRange(start).is_dated())
        .order_by(messages.c.createdAt)
        .offset(count)
        .limit(1)
    )
    # One that is all of one date, however long, must not be gone through for ever.
    if start is not None and end is not None and end <= start:
        end = None if start >= LATEST else start + _TICK
    return DateRange(start, end)


async def find_unplaced(
    connection: AsyncConnection, stretch: DateRange, limit: int
) -> dict[ChannelId, list[MessageId]]:
    """The ``limit`` oldest messages without a place, by channel; those without a date come last."""
    looks = [stretch.is_dated()]
    if stretch.start is None:
        # By itself: for an OR, a planner may read all that has a date.
        looks.append(messages.c.createdAt.is_(None))
    found: dict[ChannelId, list[MessageId]] = {}
    for look in looks:
        query = _UNPLACED.where(OTHERS, look).limit(limit)
        for message_id, channel_id in await connection.execute(query):
            found.setdefault(channel_id, []).append(message_id)
        limit -= sum(map(len, found.values()))
    return found


def adopt_all(connection: Connection, message_ids: Sequence[MessageId], now: datetime) -> None:
    """Give those of these messages that have no place their places and deliveries.

    Another node may be at the same: which have none is read when their channels are locked.
    """
    held = connection.execute(_HELD, {"message_ids": message_ids})
    channel_ids = {channel_id for (channel_id,) in held}
    if not channel_ids:
        return
    # To take no number locks a channel.
    take_numbers(connection, dict.fromkeys(channel_ids, 0))
    rows = connection.execute(_UNPLACED_AMONG, {"message_ids": message_ids})
    found = [(message_id, channel_id) for message_id, channel_id in rows]
    if not found:
        return
    numbers = take_numbers(connection, Counter(channel_id for _, channel_id in found))
    places = [(each, channel_id, next(numbers[channel_id])) for each, channel_id in found]
    insert_places(connection, places)
    ids = [message_id for message_id, _ in found]
    connection.execute(_DELIVERIES, {"message_ids": ids, "now": now})
