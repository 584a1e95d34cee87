"""Advances deliveries together: the steps of `SqlDeliveryRepository.advance_all`'s transaction.

Each step takes one or two statements for any number of reports. The functions are synchronous, for
``run_sync``: it creates only one greenlet per batch.
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import TypeAlias

from sqlalchemy import Connection, ScalarSelect, bindparam, case, literal_column, select, update

from app.adapters.sql.queries import to_state, to_status
from app.adapters.sql.schema.dialects import UPSERTS, as_text, is_among, listed_pairs
from app.adapters.sql.schema.tables import (
    channel_members,
    channels,
    message_deliveries,
    messages,
    read_receipts,
    users,
)
from app.domain.delivery import DeliveryState, DeliveryStatus
from app.domain.errors import MessageNotFound, NotARecipient
from app.domain.ids import ChannelId, MessageId, UserId
from app.ports import Advance, AdvanceOutcome, Report

_Pair: TypeAlias = tuple[MessageId, UserId]

_AMONG_IDS = messages.c.id.in_(bindparam("message_ids", expanding=True))
_AMONG_PAIRS = is_among(message_deliveries.c.message_id, message_deliveries.c.recipient_id, "pairs")
_REPORTS = listed_pairs("reports")
# Lock the reporting users, the authors and the channels first, so that a concurrent delete by the
# original backend blocks here instead of deadlocking with us later.
_LOCK_USERS_AND_CHANNELS = (
    select(users.c.id)
    .select_from(_REPORTS)
    .join(messages, messages.c.id == _REPORTS.c.first)
    .join(channels, channels.c.id == messages.c.channelId)
    .join(users, users.c.id.in_((_REPORTS.c.second, messages.c.userId)))
    .order_by(users.c.id)
    .with_for_update(read=True, key_share=True, of=(users, channels))
)
# Lock in the same order on every node, to prevent deadlocks. FOR NO KEY UPDATE does not block
# inserts of replies, whose foreign key only needs the id.
_LOCKED_MESSAGES = (
    select(
        messages.c.id,
        messages.c.channelId,
        messages.c.userId,
        as_text(messages.c.deliveryStatus),
    )
    .where(_AMONG_IDS)
    .order_by(messages.c.id)
    .with_for_update(key_share=True)
)
_MEMBERS = select(channel_members.c.channelId, channel_members.c.userId).where(
    is_among(channel_members.c.channelId, channel_members.c.userId, "seats")
)
_DELIVERIES = select(message_deliveries).where(_AMONG_PAIRS)
_ADVANCE = (
    update(message_deliveries)
    .where(_AMONG_PAIRS)
    .values(
        status=bindparam("reached"),
        updated_at=bindparam("now", type_=message_deliveries.c.updated_at.type),
    )
)
_RECEIPTS = {
    dialect: upsert(read_receipts).on_conflict_do_nothing() for dialect, upsert in UPSERTS.items()
}


def _first_not_in(*states: DeliveryState) -> ScalarSelect[str]:
    # With this ORDER BY and LIMIT, planners use the primary key even without statistics, and stop
    # at the first row. With EXISTS, PostgreSQL might read the whole table, and with ``status =
    # 'SENT'`` the whole index of undelivered messages.
    return (
        select(message_deliveries.c.recipient_id)
        .where(message_deliveries.c.message_id == messages.c.id)
        .where(message_deliveries.c.status.not_in(states))
        .order_by(message_deliveries.c.recipient_id)
        .limit(1)
        .scalar_subquery()
    )


# Computes the same as `app.domain.delivery.overall_state`, without reading every recipient.
_OVERALL = select(
    messages.c.id,
    case(
        (
            _first_not_in(DeliveryState.DELIVERED, DeliveryState.READ).is_not(None),
            literal_column("'SENT'"),
        ),
        (_first_not_in(DeliveryState.READ).is_not(None), literal_column("'DELIVERED'")),
        else_=literal_column("'READ'"),
    ),
).where(_AMONG_IDS)
_ADVANCE_MESSAGES = update(messages).where(_AMONG_IDS).values(deliveryStatus=bindparam("overall"))


def advance_all(
    connection: Connection, reports: Sequence[Report], now: datetime
) -> list[AdvanceOutcome]:
    """Advance deliveries and the states of their messages, and return one outcome per report."""
    batch = _read_batch(connection, reports)
    outcomes = [batch.advance(report, now) for report in reports]
    _write_deliveries(connection, batch, now)
    _write_messages(connection, batch)
    return outcomes


@dataclass(frozen=True, slots=True)
class _Message:
    channel_id: ChannelId
    author_id: UserId
    state: DeliveryState


@dataclass(slots=True)
class _Batch:
    """The rows for a batch of reports, as they were read and then changed by `advance`."""

    messages: Mapping[MessageId, _Message]
    members: Collection[tuple[ChannelId, UserId]]
    statuses: dict[_Pair, DeliveryStatus]
    changed: set[_Pair] = field(default_factory=set)

    def advance(self, report: Report, now: datetime) -> AdvanceOutcome:
        message = self.messages.get(report.message_id)
        if message is None or (message.channel_id, report.recipient_id) not in self.members:
            return MessageNotFound()
        pair = (report.message_id, report.recipient_id)
        status = self.statuses.get(pair)
        if status is None:
            return NotARecipient()
        changed = status.status.may_become(report.state)
        if changed:
            status = replace(status, status=report.state, timestamp=now)
            self.statuses[pair] = status
            self.changed.add(pair)
        return Advance(
            status,
            message.author_id,
            author_is_member=(message.channel_id, message.author_id) in self.members,
            changed=changed,
        )


def _read_batch(connection: Connection, reports: Sequence[Report]) -> _Batch:
    """Lock the messages, and read their deliveries and members.

    The deliveries and members are read in separate statements after the lock. Under READ COMMITTED,
    a join would use the snapshot taken before the wait for the lock, and a delivery could go back
    to an earlier state.
    """
    ids = {report.message_id for report in reports}
    if connection.dialect.name == "postgresql":  # SQLite has locked the whole database
        both = [(report.message_id, report.recipient_id) for report in reports]
        connection.execute(_LOCK_USERS_AND_CHANNELS, {"reports": both})
    locked = {
        message_id: _Message(channel_id, author_id, to_state(state))
        for message_id, channel_id, author_id, state in connection.execute(
            _LOCKED_MESSAGES, {"message_ids": ids}
        )
    }
    pairs = {
        (report.message_id, report.recipient_id)
        for report in reports
        if report.message_id in locked
    }
    if not pairs:
        return _Batch({}, (), {})
    seats = {(locked[message_id].channel_id, recipient_id) for message_id, recipient_id in pairs}
    seats.update((message.channel_id, message.author_id) for message in locked.values())
    members = connection.execute(_MEMBERS, {"seats": list(seats)})
    rows = connection.execute(_DELIVERIES, {"pairs": list(pairs)}).mappings()
    return _Batch(
        messages=locked,
        members={(channel_id, user_id) for channel_id, user_id in members},
        statuses={(row["message_id"], row["recipient_id"]): to_status(row) for row in rows},
    )


def _write_deliveries(connection: Connection, batch: _Batch, now: datetime) -> None:
    """Update the changed deliveries. READ also inserts a read receipt for the original backend."""
    by_state: dict[DeliveryState, list[_Pair]] = {}
    for pair in batch.changed:
        by_state.setdefault(batch.statuses[pair].status, []).append(pair)
    for state, pairs in by_state.items():
        connection.execute(_ADVANCE, {"reached": state, "now": now, "pairs": pairs})
    read = by_state.get(DeliveryState.READ)
    if read:
        connection.execute(
            _RECEIPTS[connection.dialect.name],
            [{"messageId": mid, "userId": user_id, "readAt": now} for mid, user_id in read],
        )


def _write_messages(connection: Connection, batch: _Batch) -> None:
    ids = {message_id for message_id, _ in batch.changed}
    if not ids:
        return
    by_state: dict[DeliveryState, list[MessageId]] = {}
    for message_id, overall in connection.execute(_OVERALL, {"message_ids": ids}):
        state = DeliveryState(overall)
        if batch.messages[message_id].state.may_become(state):
            by_state.setdefault(state, []).append(message_id)
    for state, those in by_state.items():
        connection.execute(_ADVANCE_MESSAGES, {"overall": state, "message_ids": those})
