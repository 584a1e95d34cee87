"""Taking in what the original backend stored beside us: the steps of `adopt`."""

from collections import Counter
from collections.abc import Collection
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from sqlalchemy import Select, and_, bindparam, case, func, select
from sqlalchemy.ext.asyncio import AsyncConnection

from app.adapters.sql.message_places import (
    RECIPIENTS,
    deliveries_to,
    insert_places,
    take_numbers,
)
from app.adapters.sql.tables import (
    OTHERS,
    channel_members,
    message_deliveries,
    message_sequences,
    messages,
    read_receipts,
)
from app.domain.delivery import DeliveryState
from app.domain.ids import ChannelId

OVERLAP = timedelta(seconds=60)
"""How much later than its date a message may become visible, and still be found at once."""

STRETCH_MESSAGES = 5_000
"""How many are looked at again with every look, one stretch after the other, for those that came
with an old date."""

_TICK = timedelta(milliseconds=1)
_EVER = datetime.min.replace(tzinfo=UTC)

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
    .where(channel_members.c.joined_at <= messages.c.createdAt)
)


@dataclass(frozen=True, slots=True)
class Stretch:
    """Messages of the original backend by their dates; ``end`` is None for all that are later."""

    start: datetime = _EVER
    end: datetime | None = None


async def newest_stretch(connection: AsyncConnection, now: datetime) -> Stretch:
    """What may have come since the last look, however much there is before it."""
    # A date from the future must not hide what comes before it.
    newest = await connection.scalar(
        select(messages.c.createdAt)
        .join(message_sequences, message_sequences.c.message_id == messages.c.id)
        .where(OTHERS, messages.c.createdAt <= now)
        .order_by(messages.c.createdAt.desc())
        .limit(1)
    )
    return Stretch() if newest is None else Stretch(newest - OVERLAP)


async def stretch_from(connection: AsyncConnection, start: datetime, count: int) -> Stretch:
    """The next ``count`` or so, whether they have places or not."""
    end = await connection.scalar(
        select(messages.c.createdAt)
        .where(OTHERS, messages.c.createdAt >= start)
        .order_by(messages.c.createdAt)
        .offset(count)
        .limit(1)
    )
    # One that is all of one date, however long, must not be gone through for ever.
    return Stretch(start, end if end is None or end > start else end + _TICK)


async def find_channels(
    connection: AsyncConnection, stretch: Stretch, limit: int
) -> frozenset[ChannelId]:
    """Those of the ``limit`` oldest messages without a place."""
    rows = (await connection.execute(_select_unplaced(stretch, limit))).mappings()
    return frozenset(row["channelId"] for row in rows)


async def adopt_from(
    connection: AsyncConnection,
    stretch: Stretch,
    channel_ids: Collection[ChannelId],
    limit: int,
    now: datetime,
) -> dict[ChannelId, int]:
    """Give the ``limit`` oldest messages of these channels their places and deliveries.

    Returns the first number that was free in each channel; another node may have given it.
    """
    # To take no number locks the channel: what has no place from here on gets it here.
    free = await take_numbers(connection, dict.fromkeys(channel_ids, 0))
    query = (
        _select_unplaced(stretch, limit)
        .where(messages.c.channelId.in_(channel_ids))
        .with_for_update(read=True, key_share=True, of=messages)
    )
    found = (await connection.execute(query)).all()
    if found:
        numbers = await take_numbers(connection, Counter(channel_id for _, channel_id in found))
        places = [(each, channel_id, next(numbers[channel_id])) for each, channel_id in found]
        await insert_places(connection, places)
        ids = [message_id for message_id, _ in found]
        await connection.execute(_DELIVERIES, {"message_ids": ids, "now": now})
    return {channel_id: next(number) for channel_id, number in free.items()}


def _select_unplaced(stretch: Stretch, limit: int) -> Select[*tuple[Any, ...]]:
    # Looked up one by one: for NOT EXISTS, PostgreSQL may read every place there is.
    place = select(message_sequences.c.position).where(
        message_sequences.c.message_id == messages.c.id
    )
    query = (
        select(messages.c.id, messages.c.channelId)
        .where(OTHERS, messages.c.createdAt >= stretch.start, place.scalar_subquery().is_(None))
        .order_by(messages.c.createdAt, messages.c.id)
        .limit(limit)
    )
    return query if stretch.end is None else query.where(messages.c.createdAt < stretch.end)
