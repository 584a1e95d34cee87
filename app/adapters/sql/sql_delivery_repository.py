"""Deliveries in the database."""

from collections.abc import Sequence
from datetime import datetime

from sqlalchemy import ColumnElement, and_, func, select, true

from app.adapters.sql.database import Database
from app.adapters.sql.delivery_advancing import advance_all
from app.adapters.sql.delivery_rows import to_status
from app.adapters.sql.membership import belongs
from app.adapters.sql.message_rows import select_messages, to_message
from app.adapters.sql.tables import (
    WAITING,
    channel_members,
    message_deliveries,
    message_sequences,
    messages,
)
from app.domain.delivery import DeliveryStatus
from app.domain.errors import MessageNotFound, Unconfirmed
from app.domain.ids import ChannelId, MessageId, UserId
from app.ports import (
    Advanced,
    DeliveryRepository,
    Report,
    UnconfirmedAdvances,
    UndeliveredPage,
)


class SqlDeliveryRepository(DeliveryRepository):
    """One row per recipient in our table; what the original backend reads follows it."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def advance_all(self, reports: Sequence[Report], now: datetime) -> Sequence[Advanced]:
        """Move recipients forward together; ``messages.updatedAt`` is not touched."""
        outcomes: list[Advanced] = []
        try:
            async with self._database.transaction() as connection:
                outcomes = await connection.run_sync(advance_all, reports, now)
        except Unconfirmed:
            raise UnconfirmedAdvances(outcomes) from None
        return outcomes

    async def statuses(
        self, message_id: MessageId, reader_id: UserId
    ) -> tuple[DeliveryStatus, ...]:
        """Every recipient's progress, sorted by recipient."""
        visible = select(messages.c.id).where(
            messages.c.id == message_id, belongs(messages.c.channelId, reader_id)
        )
        query = select(message_deliveries).where(message_deliveries.c.message_id == message_id)
        async with self._database.reading() as connection:
            if await connection.scalar(visible) is None:
                raise MessageNotFound
            rows = (await connection.execute(query)).mappings().all()
        return tuple(sorted(map(to_status, rows), key=_recipient_of))

    async def undelivered_counts(self, user_id: UserId) -> dict[ChannelId, int]:
        """How many messages wait for the user, by channel."""
        query = (
            select(message_deliveries.c.channel_id, func.count())
            .where(_waits_for(user_id))
            .group_by(message_deliveries.c.channel_id)
        )
        async with self._database.asking() as connection:
            rows = (await connection.execute(query)).all()
        return {ChannelId(channel_id): count for channel_id, count in rows}

    async def undelivered(self, user_id: UserId, after: int, limit: int) -> UndeliveredPage:
        """The first ``limit`` of them after a position."""
        # The page is settled by the index alone, and only then joined with what it shows.
        page = (
            select(message_deliveries.c.position)
            .where(_waits_for(user_id), message_deliveries.c.position > after)
            .order_by(message_deliveries.c.position)
            .limit(limit)
            .subquery("page")
        )
        query = (
            select_messages()
            .add_columns(page.c.position)
            .join(page, page.c.position == message_sequences.c.position)
            .order_by(page.c.position)
        )
        async with self._database.asking() as connection:
            rows = (await connection.execute(query)).mappings().all()
        return UndeliveredPage(
            messages=tuple(to_message(row) for row in rows),
            positions=tuple(row["position"] for row in rows),
        )


def _waits_for(user_id: UserId) -> ColumnElement[bool]:
    """What is SENT to the user in channels that are theirs: answered by the index of what waits."""
    theirs = select(channel_members.c.channelId).where(channel_members.c.userId == user_id)
    return and_(
        message_deliveries.c.recipient_id == user_id,
        WAITING,
        # As a value, which PostgreSQL looks up for each row of the index. As a condition it would
        # become a join, and may then run through what waits once for every channel.
        message_deliveries.c.channel_id.in_(theirs).is_(true()),
    )


def _recipient_of(status: DeliveryStatus) -> UserId:
    return status.recipient_id
