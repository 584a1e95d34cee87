"""Advancing recipients together: the steps of `SqlDeliveryRepository.advance_all`'s transaction.

Each is one statement or two, whatever the number of reports, and all are for ``run_sync``: one
greenlet for a batch.
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import TypeAlias

from sqlalchemy import Connection, ScalarSelect, bindparam, case, literal_column, select, update

from app.adapters.sql.queries import to_state, to_status
from app.adapters.sql.schema.dialects import UPSERTS, as_text, is_among, listed_pairs, pair_list
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
# Whoever reports, the authors and the channels. The original backend deletes one of them with all
# that is theirs, in whatever order: it is waited for, or waits, here, where neither of the two has
# anything yet that the other wants.
_HELD = (
    select(users.c.id)
    .select_from(_REPORTS)
    .join(messages, messages.c.id == _REPORTS.c.first)
    .join(channels, channels.c.id == messages.c.channelId)
    .join(users, users.c.id.in_((_REPORTS.c.second, messages.c.userId)))
    .order_by(users.c.id)
    .with_for_update(read=True, key_share=True, of=(users, channels))
)
# In one order on every node, lest two of them wait for each other. The weaker lock leaves those
# alone who store a reply: a foreign key asks only that the id stays.
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
    # Every planner must stay on the primary key here, where it stops at the first row found, also
    # when it knows nothing of the table. EXISTS has no order, so PostgreSQL may read all of it;
    # with ``status = 'SENT'``, it may read everything that waits, in the index of that.
    return (
        select(message_deliveries.c.recipient_id)
        .where(message_deliveries.c.message_id == messages.c.id)
        .where(message_deliveries.c.status.not_in(states))
        .order_by(message_deliveries.c.recipient_id)
        .limit(1)
        .scalar_subquery()
    )


# As `app.domain.delivery.overall_state` has it, without reading every recipient.
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
_FOLLOW = update(messages).where(_AMONG_IDS).values(deliveryStatus=bindparam("overall"))


def advance_all(
    connection: Connection, reports: Sequence[Report], now: datetime
) -> list[AdvanceOutcome]:
    """Move recipients forward, and their messages after them; one outcome per report."""
    standing = _read_standing(connection, reports)
    outcomes = [standing.advance(report, now) for report in reports]
    _write_standing(connection, standing, now)
    _follow(connection, standing)
    return outcomes


@dataclass(frozen=True, slots=True)
class _Message:
    channel_id: ChannelId
    author_id: UserId
    state: DeliveryState


@dataclass(slots=True)
class _Standing:
    """What reports are judged by; as it was found, and then as `advance` left it."""

    messages: Mapping[MessageId, _Message]
    members: Collection[tuple[ChannelId, UserId]]
    statuses: dict[_Pair, DeliveryStatus]
    changed: set[_Pair] = field(default_factory=set)

    def advance(self, report: Report, now: datetime) -> AdvanceOutcome:
        """What becomes of a report, given those before it."""
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


def _read_standing(connection: Connection, reports: Sequence[Report]) -> _Standing:
    """Lock the messages concerned, and read what is known of them and of who reports.

    What may change while a lock is waited for is read after it, and apart: PostgreSQL would answer
    a join from before the wait, and a recipient could go back. A user who is gone by then belongs
    nowhere.
    """
    ids = {report.message_id for report in reports}
    if connection.dialect.name == "postgresql":  # SQLite has locked everything already
        both = ((report.message_id, report.recipient_id) for report in reports)
        connection.execute(_HELD, {"reports": pair_list(both)})
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
        return _Standing({}, (), {})
    seats = {(locked[message_id].channel_id, recipient_id) for message_id, recipient_id in pairs}
    seats.update((message.channel_id, message.author_id) for message in locked.values())
    members = connection.execute(_MEMBERS, {"seats": pair_list(seats)})
    rows = connection.execute(_DELIVERIES, {"pairs": pair_list(pairs)}).mappings()
    return _Standing(
        messages=locked,
        members={(channel_id, user_id) for channel_id, user_id in members},
        statuses={(row["message_id"], row["recipient_id"]): to_status(row) for row in rows},
    )


def _write_standing(connection: Connection, standing: _Standing, now: datetime) -> None:
    """Store what changed; READ writes the original backend's receipt too."""
    by_state: dict[DeliveryState, list[_Pair]] = {}
    for pair in standing.changed:
        by_state.setdefault(standing.statuses[pair].status, []).append(pair)
    for state, pairs in by_state.items():
        connection.execute(_ADVANCE, {"reached": state, "now": now, "pairs": pair_list(pairs)})
    read = by_state.get(DeliveryState.READ)
    if read:
        connection.execute(
            _RECEIPTS[connection.dialect.name],
            [{"messageId": mid, "userId": user_id, "readAt": now} for mid, user_id in read],
        )


def _follow(connection: Connection, standing: _Standing) -> None:
    """Bring the states of the messages themselves up to those of their recipients."""
    ids = {message_id for message_id, _ in standing.changed}
    if not ids:
        return
    by_state: dict[DeliveryState, list[MessageId]] = {}
    for message_id, overall in connection.execute(_OVERALL, {"message_ids": ids}):
        state = DeliveryState(overall)
        if standing.messages[message_id].state.may_become(state):
            by_state.setdefault(state, []).append(message_id)
    for state, those in by_state.items():
        connection.execute(_FOLLOW, {"overall": state, "message_ids": those})
