"""Stores and reads deliveries."""

from collections.abc import Sequence
from datetime import datetime

from sqlalchemy import Select, and_, func, select, true

from app.adapters.sql.connection.database import Database
from app.adapters.sql.deliveries.advance import advance_all
from app.adapters.sql.queries import belongs, select_messages, to_message, to_status
from app.adapters.sql.schema.tables import (
    WAITING,
    channel_members,
    message_deliveries,
    message_sequences,
    messages,
)
from app.domain.delivery import DeliveryState
from app.domain.errors import MessageNotFound, Unconfirmed
from app.domain.ids import ChannelId, MessageId, UserId
from app.ports import (
    MAX_COUNTED,
    MAX_COUNTED_OF_CHANNEL,
    MAX_PASSED,
    MAX_STATUSES,
    AdvanceOutcome,
    DeliveryRepository,
    RecipientsPage,
    Report,
    UnconfirmedAdvances,
    UndeliveredCounts,
    UndeliveredPage,
)

_MAX_POSITION = 2**63 - 1


class SqlDeliveryRepository(DeliveryRepository):
    """Stores one row per recipient, and updates the columns that the original backend reads."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def advance_all(
        self, reports: Sequence[Report], now: datetime
    ) -> Sequence[AdvanceOutcome]:
        """Advance deliveries together, without changing ``messages.updatedAt``."""
        outcomes: list[AdvanceOutcome] = []
        try:
            async with self._database.transaction() as connection:
                outcomes = await connection.run_sync(advance_all, reports, now)
        except Unconfirmed:
            raise UnconfirmedAdvances(outcomes) from None
        return outcomes

    async def statuses(
        self,
        message_id: MessageId,
        reader_id: UserId,
        limit: int = MAX_STATUSES,
        after: UserId | None = None,
    ) -> RecipientsPage:
        """Read a page of recipients by id; count all recipients if there is more than one page."""
        visible = select(messages.c.id).where(
            messages.c.id == message_id, belongs(messages.c.channelId, reader_id)
        )
        of_message = message_deliveries.c.message_id == message_id
        query = (
            select(message_deliveries)
            .where(of_message)
            .order_by(message_deliveries.c.recipient_id)
            .limit(limit + 1)
        )
        if after is not None:
            query = query.where(message_deliveries.c.recipient_id > after)
        counting = (
            select(message_deliveries.c.status, func.count())
            .where(of_message)
            .group_by(message_deliveries.c.status)
        )
        async with self._database.reading() as connection:
            if await connection.scalar(visible) is None:
                raise MessageNotFound
            rows = (await connection.execute(query)).mappings().all()
            statuses = tuple(map(to_status, rows[:limit]))
            has_more = len(rows) > limit
            if not has_more and after is None:
                return RecipientsPage(statuses)
            counted = (await connection.execute(counting)).all()
        return RecipientsPage(statuses, has_more, {DeliveryState(state): n for state, n in counted})

    async def undelivered_counts(
        self,
        user_id: UserId,
        of_channel: int = MAX_COUNTED_OF_CHANNEL,
        in_all: int = MAX_COUNTED,
    ) -> UndeliveredCounts:
        """Count the user's undelivered messages by channel: at most the newest ``in_all``."""
        # Limit before joining, so that the query is fast however many messages are undelivered.
        newest = (
            select(message_deliveries.c.channel_id)
            .where(message_deliveries.c.recipient_id == user_id, WAITING)
            .order_by(message_deliveries.c.position.desc())
            .limit(in_all)
            .subquery("newest")
        )
        query = select(
            newest.c.channel_id, func.count(), newest.c.channel_id.in_(_channels_of(user_id))
        ).group_by(newest.c.channel_id)
        async with self._database.asking() as connection:
            rows = (await connection.execute(query)).all()
        return UndeliveredCounts.limited(
            {ChannelId(each): count for each, count, is_theirs in rows if is_theirs},
            of_channel,
            stopped=sum(count for _, count, _ in rows) == in_all,
        )

    async def undelivered(
        self, user_id: UserId, after: int, limit: int, most_passed: int = MAX_PASSED
    ) -> UndeliveredPage:
        """Read ``limit`` undelivered messages, among the next ``most_passed`` after a position."""
        following = and_(
            message_deliveries.c.recipient_id == user_id,
            WAITING,
            message_deliveries.c.position > after,
        )
        end = (
            select(message_deliveries.c.position)
            .where(following)
            .order_by(message_deliveries.c.position)
            .limit(1)
            .offset(most_passed - 1)
        )
        # The page is determined from the index alone, and then joined with the messages.
        page = (
            select(message_deliveries.c.position)
            .where(
                following,
                message_deliveries.c.position
                <= func.coalesce(end.scalar_subquery(), _MAX_POSITION),
                # IS TRUE makes PostgreSQL check membership row by row. Without IS TRUE it would
                # plan a join, which might read all undelivered messages once per channel.
                message_deliveries.c.channel_id.in_(_channels_of(user_id)).is_(true()),
            )
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
            looked_until = None if len(rows) == limit else await connection.scalar(end)
        return UndeliveredPage(
            messages=tuple(to_message(row) for row in rows),
            positions=tuple(row["position"] for row in rows),
            looked_until=looked_until,
        )


def _channels_of(user_id: UserId) -> Select[tuple[str]]:
    return select(channel_members.c.channelId).where(channel_members.c.userId == user_id)
