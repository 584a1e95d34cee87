"""Stores the delivery receipts that recipients send, and publishes them to the authors."""

from collections.abc import Sequence
from datetime import datetime
from itertools import islice
from typing import TypeAlias

from app.concurrency.bounded_dict import BoundedDict
from app.domain.delivery import DeliveryState, DeliveryStatus, RefusedReceipt, StatusPage
from app.domain.errors import Unconfirmed
from app.domain.events import ServerEvent
from app.domain.ids import MessageId, UserId
from app.domain.rooms import user_room
from app.domain.socket_response import ReceiptsResponse
from app.domain.time_limits import DRAIN_TIMEOUT_SECONDS
from app.ports import (
    Advance,
    AdvanceOutcome,
    Broadcaster,
    Clock,
    DeliveryRepository,
    Report,
    WriteAdmission,
)
from app.services.messages.page_cursor import RecipientCursor, decode_recipient_cursor
from app.services.writes.group_commit import GroupCommit
from app.services.writes.keyed_queue import KeyedQueue
from app.services.writes.unconfirmed_changes import UnconfirmedChanges

MAX_UNCONFIRMED = 10_000
"""The maximum number of remembered unconfirmed reports."""

MAX_REPORTS = 1_000
"""The maximum number of reports in a transaction, counting each report of a list."""

MAX_ATTEMPTS = 10
"""The maximum number of remembered attempts per unconfirmed report, besides the latest one."""

MAX_READ = 20_000
"""The number of READ reports that are remembered, so that no DELIVERED is published after them."""

_LISTS = "lists"
"""The queue key of all lists of reports, so that their batches run one after another.

Concurrent transactions with lists could lock the same rows in different orders.
"""

_Pair: TypeAlias = tuple[MessageId, UserId]

_EVENTS = {
    DeliveryState.DELIVERED: ServerEvent.MESSAGE_DELIVERED,
    DeliveryState.READ: ServerEvent.MESSAGE_SEEN,
}

_RECIPIENT_STATES = (DeliveryState.SENT, DeliveryState.DELIVERED, DeliveryState.READ)


class DeliveryService:
    """Stores delivery reports, and publishes the changes to the authors of the messages.

    Reports that arrive at the same time usually share a transaction. A change is published after
    the commit and before the recipient receives the ack. The author receives the changes of a
    recipient in order, even if they were reported on different nodes: DELIVERED is not published
    after READ. The last `MAX_READ` READ reports are remembered for this. An author who has left the
    channel receives nothing. A list of reports is stored in one transaction; if some of its reports
    are refused, the other reports are stored.

    If the commit of a report was not confirmed, the change is published when the recipient reports
    it again to this node. At most `MAX_UNCONFIRMED` such reports are remembered.

    Every method raises `Unavailable` if the storage fails. Nothing was stored in this case, unless
    the error is `Unconfirmed`: then the reports may be stored.
    """

    def __init__(
        self,
        deliveries: DeliveryRepository,
        broadcaster: Broadcaster,
        clock: Clock,
        admission: WriteAdmission,
    ) -> None:
        self._deliveries = deliveries
        self._broadcaster = broadcaster
        self._clock = clock
        # For each unconfirmed report: the times of the batches that may have stored the report. If
        # a stored status has one of these times, that batch has not published the status.
        self._unconfirmed = UnconfirmedChanges[Report, tuple[datetime, ...]](MAX_UNCONFIRMED)
        self._reports = GroupCommit(
            self._store_reports,
            KeyedQueue(),
            clock,
            admission,
            weigh=len,
            max_items=MAX_REPORTS,
            max_weight=MAX_REPORTS,
        )
        # The pairs of message and recipient that this or another node has published as READ. A list
        # of reports and a single report about the same message may be in concurrent batches, or on
        # different nodes. If the batch with DELIVERED commits first but publishes last, its
        # DELIVERED must not follow the READ.
        self._read: BoundedDict[_Pair, None] = BoundedDict(MAX_READ)

    async def delivered(self, user_id: UserId, message_id: MessageId) -> DeliveryStatus:
        """Record that the user has received the message.

        Returns the stored status, which is READ if the user has already read the message.

        Raises:
            MessageNotFound: The message does not exist, or the user is not a member of its channel.
            NotARecipient: The message was not sent to the user.
        """
        return await self._report(Report(message_id, user_id, DeliveryState.DELIVERED))

    async def seen(self, user_id: UserId, message_id: MessageId) -> DeliveryStatus:
        """Record that the user has read the message, and thereby received it.

        Raises:
            MessageNotFound: The message does not exist, or the user is not a member of its channel.
            NotARecipient: The message was not sent to the user.
        """
        return await self._report(Report(message_id, user_id, DeliveryState.READ))

    async def all_delivered(
        self, user_id: UserId, message_ids: Sequence[MessageId]
    ) -> ReceiptsResponse:
        """Record that the user has received these messages; the ids must be distinct."""
        return await self._report_all(
            [Report(each, user_id, DeliveryState.DELIVERED) for each in message_ids]
        )

    async def all_seen(self, user_id: UserId, message_ids: Sequence[MessageId]) -> ReceiptsResponse:
        """Record that the user has read these messages; the ids must be distinct."""
        return await self._report_all(
            [Report(each, user_id, DeliveryState.READ) for each in message_ids]
        )

    async def statuses(
        self, user_id: UserId, message_id: MessageId, limit: int, cursor: str | None
    ) -> StatusPage:
        """Return the statuses of the message's recipients, one page at a time.

        Raises:
            InvalidPayload: The cursor is invalid.
            MessageNotFound: The message does not exist, or the user is not a member of its channel.
        """
        after = None if cursor is None else decode_recipient_cursor(cursor).recipient_id
        page = await self._deliveries.statuses(message_id, user_id, limit, after)
        if page.counts is None:
            return StatusPage(page.statuses)
        return StatusPage(
            page.statuses,
            RecipientCursor(page.statuses[-1].recipient_id).encode() if page.has_more else None,
            {state: page.counts.get(state, 0) for state in _RECIPIENT_STATES},
        )

    def receive(self, message_id: MessageId, recipient_id: UserId, state: DeliveryState) -> bool:
        """Return whether a change may be published on this node; remember it if it is READ."""
        if state is DeliveryState.READ:
            self._read[message_id, recipient_id] = None
        return state is DeliveryState.READ or (message_id, recipient_id) not in self._read

    async def on_application_shutdown(self, _signal: str | None) -> None:
        """Wait for the running writes. No new writes start, because the servers are closed."""
        await self._reports.drain(DRAIN_TIMEOUT_SECONDS)

    async def _report(self, report: Report) -> DeliveryStatus:
        # `commit` calls `_store_reports` with this report and others that arrive at the same time.
        (outcome,) = await self._reports.commit(report.message_id, (report,))
        if isinstance(outcome, Advance):
            return outcome.status
        raise outcome

    async def _report_all(self, reports: Sequence[Report]) -> ReceiptsResponse:
        statuses: list[DeliveryStatus] = []
        refused: list[RefusedReceipt] = []
        outcomes = await self._reports.commit(_LISTS, reports)
        for report, outcome in zip(reports, outcomes, strict=True):
            if isinstance(outcome, Advance):
                statuses.append(outcome.status)
            else:
                refused.append(RefusedReceipt(report.message_id, str(outcome), outcome.code))
        response = ReceiptsResponse(data=tuple(statuses))
        if refused:
            response["refused"] = tuple(refused)
        return response

    async def _store_reports(
        self, batch: Sequence[Sequence[Report]]
    ) -> Sequence[Sequence[AdvanceOutcome]]:
        reports = [report for item in batch for report in item]
        now = self._clock.now()
        try:
            outcomes = await self._deliveries.advance_all(reports, now)
        except Unconfirmed:
            for report in reports:
                self._remember_unconfirmed(report, now)
            raise
        for report, outcome in zip(reports, outcomes, strict=True):
            if isinstance(outcome, Advance):
                self._publish_advance(outcome)
            elif isinstance(outcome, Unconfirmed):
                self._remember_unconfirmed(report, now)
        remaining = iter(outcomes)
        return [tuple(islice(remaining, len(item))) for item in batch]

    def _publish_advance(self, advance: Advance) -> None:
        """Publish an advance to the author, unless it is out of date."""
        status = advance.status
        if not self.receive(status.message_id, status.recipient_id, status.status):
            return
        # Usually there are no unconfirmed reports; then do not create one to look for it.
        was_unconfirmed = len(self._unconfirmed) > 0 and self._forget_unconfirmed(status)
        if (advance.changed or was_unconfirmed) and advance.author_is_member:
            event = _EVENTS[status.status]
            self._broadcaster.publish(user_room(advance.author_id), event, status)

    def _forget_unconfirmed(self, status: DeliveryStatus) -> bool:
        """Return whether an unconfirmed batch has stored this status, and forget its report."""
        report = Report(status.message_id, status.recipient_id, status.status)
        was_unconfirmed = status.timestamp in (self._unconfirmed.get(report) or ())
        self._unconfirmed.forget(report)
        return was_unconfirmed

    def _remember_unconfirmed(self, report: Report, now: datetime) -> None:
        earlier = self._unconfirmed.get(report) or ()
        self._unconfirmed.remember(report, (*earlier[1 - MAX_ATTEMPTS :], now))
