"""Stores deliveries in memory."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime
from heapq import merge, nsmallest
from itertools import islice

from app.adapters.memory.rows import MessageRow, position_of
from app.adapters.memory.store import MemoryStore
from app.domain.delivery import DeliveryState, DeliveryStatus, overall_state
from app.domain.errors import MessageNotFound, NotARecipient
from app.domain.ids import MessageId, UserId
from app.ports import (
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


class MemoryDeliveryRepository(DeliveryRepository):
    """Stores deliveries in a `MemoryStore`.

    A `MessageRow` contains the reports of the message's recipients. A `MembershipRow` contains the
    messages that need no more delivery to the member.
    """

    def __init__(self, store: MemoryStore) -> None:
        self._store = store

    async def advance_all(
        self, reports: Sequence[Report], now: datetime
    ) -> Sequence[AdvanceOutcome]:
        return [self._advance(report, now) for report in reports]

    async def statuses(
        self,
        message_id: MessageId,
        reader_id: UserId,
        limit: int = MAX_STATUSES,
        after: UserId | None = None,
    ) -> RecipientsPage:
        """Return a page of recipients by id. A page that contains all recipients has no counts."""
        row, channel = self._store.message_for(message_id, reader_id)
        following = (
            user_id
            for user_id in channel.memberships
            if (after is None or user_id > after) and channel.is_recipient(row, user_id)
        )
        found = nsmallest(limit + 1, following)
        statuses = tuple(_status(row, recipient_id) for recipient_id in found[:limit])
        has_more = len(found) > limit
        if not has_more and after is None:
            return RecipientsPage(statuses)
        return RecipientsPage(statuses, has_more, row.counts())

    async def undelivered_counts(self, user_id: UserId) -> UndeliveredCounts:
        """Return the number of undelivered messages by channel, without a limit for the total."""
        channels = self._store.channels_of_user.get(user_id, {})
        counts = {
            channel_id: channel.undelivered_count(user_id)
            for channel_id, channel in channels.items()
        }
        undelivered = {channel_id: count for channel_id, count in counts.items() if count}
        return UndeliveredCounts.limited(undelivered, MAX_COUNTED_OF_CHANNEL)

    async def undelivered(self, user_id: UserId, after: int, limit: int) -> UndeliveredPage:
        """Return the first undelivered messages after a position."""
        channels = self._store.channels_of_user.get(user_id, {}).values()
        by_channel = (channel.undelivered(user_id, after) for channel in channels)
        page = list(islice(merge(*by_channel, key=position_of), limit))
        return UndeliveredPage(
            messages=tuple(row.message for row in page),
            positions=tuple(row.position for row in page),
        )

    def _advance(self, report: Report, now: datetime) -> AdvanceOutcome:
        recipient_id = report.recipient_id
        try:
            row, channel = self._store.message_for(report.message_id, recipient_id)
        except MessageNotFound:
            return MessageNotFound()
        if not channel.is_recipient(row, recipient_id):
            return NotARecipient()
        before, _ = row.progress_of(recipient_id)
        changed = before.may_become(report.state)
        if changed:
            _move(row, report, now)
            channel.mark_done(recipient_id, row.message.seq)
        author_id = row.message.user_id
        author_is_member = self._store.channel_for(row.message.channel_id, author_id) is not None
        return Advance(_status(row, recipient_id), author_id, author_is_member, changed)


def _move(row: MessageRow, report: Report, now: datetime) -> None:
    if report.state is DeliveryState.READ:
        row.delivered.pop(report.recipient_id, None)
        row.read[report.recipient_id] = now
    else:
        row.delivered[report.recipient_id] = now
    overall = overall_state(row.counts())
    if row.message.delivery_status.may_become(overall):
        row.message = replace(row.message, delivery_status=overall)


def _status(row: MessageRow, recipient_id: UserId) -> DeliveryStatus:
    state, since = row.progress_of(recipient_id)
    return DeliveryStatus(
        message_id=row.message.id, recipient_id=recipient_id, status=state, timestamp=since
    )
