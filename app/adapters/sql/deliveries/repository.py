"""Stores and reads deliveries."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from functools import partial
from typing import Any

from sqlalchemy import Row, Select, Text, func, literal, or_, select, union_all

from app.adapters.sql.connection.database import Database
from app.adapters.sql.deliveries.advance import AdvanceDeliveries, AdvanceDeliveriesInOrder
from app.adapters.sql.deliveries.advance_results import AdvanceResult, Delivery, NoDelivery, Pair
from app.adapters.sql.deliveries.undelivered import COUNT_UNDELIVERED, UNDELIVERED_POSITIONS
from app.adapters.sql.queries import belongs, select_messages, to_message
from app.adapters.sql.schema.dialects import UtcTimestamp
from app.adapters.sql.schema.tables import (
    delivered_ranges,
    memberships,
    message_receipts,
    message_sequences,
    messages,
)
from app.adapters.sql.skipped_items import Skipped, retry_skipped
from app.domain.delivery import DeliveryState, DeliveryStatus
from app.domain.errors import MessageNotFound, NotARecipient, StorageRejected, Unavailable
from app.domain.ids import ChannelId, MessageId, UserId
from app.ports import (
    MAX_COUNTED,
    MAX_COUNTED_OF_CHANNEL,
    MAX_STATUSES,
    Advance,
    AdvanceOutcome,
    DeliveryRepository,
    RecipientsPage,
    Report,
    UndeliveredCounts,
    UndeliveredPage,
)

_positions = UNDELIVERED_POSITIONS.subquery("page")
_READ_UNDELIVERED = (
    select_messages()
    .add_columns(_positions.c.position)
    .join(_positions, _positions.c.position == message_sequences.c.position)
    .order_by(_positions.c.position)
)


class SqlDeliveryRepository(DeliveryRepository):
    """Stores receipts and delivered ranges, and updates the tables that the original backend reads.

    Args:
        max_counted_of_channel: The maximum count that `undelivered_counts` returns for a channel.
        max_counted: The maximum number of messages that `undelivered_counts` reads.
    """

    def __init__(
        self,
        database: Database,
        max_counted_of_channel: int = MAX_COUNTED_OF_CHANNEL,
        max_counted: int = MAX_COUNTED,
    ) -> None:
        self._database = database
        self._max_counted_of_channel = max_counted_of_channel
        self._max_counted = max_counted

    async def advance_all(
        self, reports: Sequence[Report], now: datetime
    ) -> Sequence[AdvanceOutcome]:
        """Advance all deliveries in one batch. ``messages.updatedAt`` does not change."""
        pairs: dict[Pair, DeliveryState] = {}
        for report in reports:
            pair = (report.message_id, report.recipient_id)
            if pairs.get(pair) is not DeliveryState.READ:
                pairs[pair] = report.state
        results: Sequence[AdvanceResult | Unavailable]
        results = await self._database.write(AdvanceDeliveriesInOrder(pairs, now))
        if Skipped.SKIPPED in results:
            results = await retry_skipped(
                list(pairs),
                results,
                partial(self._advance_skipped, pairs=pairs, now=now),
                self._database.lock_seconds,
                pause_seconds=0.0,
            )
        return _outcomes(reports, dict(zip(pairs, results, strict=True)), now)

    async def _advance_skipped(
        self, skipped: Sequence[Pair], pairs: Mapping[Pair, DeliveryState], now: datetime
    ) -> Sequence[AdvanceResult | Unavailable]:
        write = AdvanceDeliveries({pair: pairs[pair] for pair in skipped}, now)
        try:
            return await self._database.write(write)
        except StorageRejected:
            # The other reports of the batch are stored, so the caller cannot divide the batch.
            if len(skipped) == 1:
                return [StorageRejected()]
        middle = len(skipped) // 2
        return [
            *await self._advance_skipped(skipped[:middle], pairs, now),
            *await self._advance_skipped(skipped[middle:], pairs, now),
        ]

    async def statuses(
        self,
        message_id: MessageId,
        reader_id: UserId,
        limit: int = MAX_STATUSES,
        after: UserId | None = None,
    ) -> RecipientsPage:
        """Read a page of recipients sorted by id.

        Unless this page contains all recipients, also count all recipients by state.
        """
        visible = (
            select(
                message_sequences.c.position,
                message_sequences.c.seq,
                messages.c.channelId.label("channel_id"),
                messages.c.userId.label("author_id"),
                messages.c.createdAt.label("created_at"),
            )
            .join(message_sequences, message_sequences.c.message_id == messages.c.id)
            .where(messages.c.id == message_id, belongs(messages.c.channelId, reader_id))
        )
        async with self._database.reading() as connection:
            message = (await connection.execute(visible)).one_or_none()
            if message is None:
                raise MessageNotFound
            recipients = (_silent_recipients(message), _reporting_recipients(message))
            page = _first_of(recipients, limit + 1, after)
            statuses = tuple(
                DeliveryStatus(message_id, recipient_id, DeliveryState(status), since)
                for recipient_id, status, since in await connection.execute(page)
            )
            has_more = len(statuses) > limit
            if not has_more and after is None:
                return RecipientsPage(statuses)
            counted = (await connection.execute(_counts_of(recipients))).all()
        counts = {DeliveryState(status): count for status, count in counted}
        return RecipientsPage(statuses[:limit], has_more, counts)

    async def undelivered_counts(self, user_id: UserId) -> UndeliveredCounts:
        """Count the user's undelivered messages by channel, in no particular order."""
        parameters = {
            "user_id": user_id,
            "size": self._max_counted_of_channel + 1,
            "in_all": self._max_counted,
        }
        async with self._database.asking() as connection:
            rows = (await connection.execute(COUNT_UNDELIVERED, parameters)).all()
        counts = {ChannelId(channel_id): count for channel_id, count in rows}
        stopped = sum(counts.values()) == self._max_counted
        return UndeliveredCounts.limited(counts, self._max_counted_of_channel, stopped=stopped)

    async def undelivered(self, user_id: UserId, after: int, limit: int) -> UndeliveredPage:
        """Read the first undelivered messages after a position."""
        parameters = {"user_id": user_id, "after": after, "size": limit}
        async with self._database.asking() as connection:
            rows = (await connection.execute(_READ_UNDELIVERED, parameters)).mappings().all()
        return UndeliveredPage(
            messages=tuple(map(to_message, rows)),
            positions=tuple(row["position"] for row in rows),
        )


def _outcomes(
    reports: Sequence[Report], results: Mapping[Pair, AdvanceResult | Unavailable], now: datetime
) -> list[AdvanceOutcome]:
    """Return the outcomes as if the reports had been stored one after the other."""
    reached: dict[Pair, DeliveryStatus] = {}
    outcomes: list[AdvanceOutcome] = []
    for report in reports:
        pair = (report.message_id, report.recipient_id)
        result = results[pair]
        if not isinstance(result, Delivery):
            outcomes.append(_error(result))
            continue
        status = reached.get(pair)
        state = result.state if status is None else status.status
        changed = state.may_become(report.state)
        if changed:
            status = DeliveryStatus(*pair, report.state, now)
        elif status is None:
            status = DeliveryStatus(*pair, state, result.updated_at or now)
        reached[pair] = status
        outcomes.append(Advance(status, result.author_id, result.author_is_member, changed))
    return outcomes


def _error(result: NoDelivery | Skipped | Unavailable) -> AdvanceOutcome:
    match result:
        case NoDelivery.NOT_FOUND:
            return MessageNotFound()
        case NoDelivery.NOT_A_RECIPIENT:
            return NotARecipient()
        case NoDelivery.NOT_ADOPTED:
            return Unavailable("The message")
        case Unavailable():
            return result
        case Skipped.SKIPPED:  # Never happens: `retry_skipped` has replaced this result.
            return Unavailable()


def _silent_recipients(message: Row[*tuple[Any, ...]]) -> Select[*tuple[Any, ...]]:
    """Select id, status and time of the recipients who have not reported the message yet."""
    covered_until = (
        select(delivered_ranges.c.end_seq)
        .where(
            delivered_ranges.c.channel_id == memberships.c.channel_id,
            delivered_ranges.c.user_id == memberships.c.user_id,
            delivered_ranges.c.first_seq <= message.seq,
        )
        .order_by(delivered_ranges.c.first_seq.desc())
        .limit(1)
        .scalar_subquery()
    )
    # Do not use EXISTS: PostgreSQL would plan it as a join of all members with all receipts.
    receipt = (
        select(message_receipts.c.recipient_id)
        .where(
            message_receipts.c.position == message.position,
            message_receipts.c.recipient_id == memberships.c.user_id,
        )
        .limit(1)
        .scalar_subquery()
    )
    return select(
        memberships.c.user_id.label("recipient_id"),
        literal(DeliveryState.SENT.value, Text).label("status"),
        literal(message.created_at, UtcTimestamp).label("since"),
    ).where(
        memberships.c.channel_id == message.channel_id,
        memberships.c.user_id != message.author_id,
        or_(memberships.c.left_after.is_(None), memberships.c.left_after >= message.seq),
        func.coalesce(covered_until, 0) <= message.seq,
        receipt.is_(None),
    )


def _reporting_recipients(message: Row[*tuple[Any, ...]]) -> Select[*tuple[Any, ...]]:
    """Select id, status and time of the recipients who have reported the message."""
    return select(
        message_receipts.c.recipient_id,
        message_receipts.c.status,
        message_receipts.c.updated_at.label("since"),
    ).where(message_receipts.c.position == message.position)


def _first_of(
    recipients: Sequence[Select[*tuple[Any, ...]]], limit: int, after: UserId | None
) -> Select[*tuple[Any, ...]]:
    """Select the first recipients by id.

    Each of the queries in ``recipients`` is limited as well, so that few rows are sorted.
    """
    parts = []
    for part in recipients:
        recipient_id, *_ = part.selected_columns
        following = part if after is None else part.where(recipient_id > after)
        parts.append(select(following.order_by(recipient_id).limit(limit).subquery()))
    page = union_all(*parts).subquery()
    return select(page).order_by(page.c.recipient_id).limit(limit)


def _counts_of(recipients: Sequence[Select[*tuple[Any, ...]]]) -> Select[*tuple[Any, ...]]:
    everyone = union_all(*recipients).subquery()
    return select(everyone.c.status, func.count()).group_by(everyone.c.status)
