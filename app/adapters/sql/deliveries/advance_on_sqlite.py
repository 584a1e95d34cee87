"""Stores a batch of receipts on SQLite, with prepared statements in one transaction."""

import sqlite3
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import TypeAlias

from app.adapters.sql.deliveries.advance_results import AdvanceResult, Delivery, NoDelivery, Pair
from app.adapters.sql.queries import to_state
from app.adapters.sql.schema.dialects import from_sqlite_time, sqlite_time
from app.domain.delivery import DeliveryState
from app.domain.ids import MessageId, UserId

_MESSAGE_ON_SQLITE = """
SELECT message."channelId", message."userId", message."deliveryStatus", EXISTS (
        SELECT 1 FROM channel_members
        WHERE "channelId" = message."channelId" AND "userId" = message."userId"
    ), sequence.position, sequence.seq, sequence.channel_id, sequence.reached, sequence.waiting_for
FROM messages AS message LEFT JOIN message_sequences AS sequence ON message_id = message.id
WHERE message.id = ?
"""
_IS_MEMBER_ON_SQLITE = """
SELECT 1 FROM channel_members WHERE "channelId" = ? AND "userId" = ?
"""
_RECEIPT_ON_SQLITE = """
SELECT status, updated_at FROM message_receipts WHERE position = ? AND recipient_id = ?
"""
_IS_SENT_ON_SQLITE = """
SELECT 1 FROM memberships AS member
WHERE channel_id = :channel_id AND user_id = :user_id AND COALESCE(left_after, :seq) >= :seq
    AND COALESCE((
        SELECT end_seq FROM delivered_ranges AS range
        WHERE range.channel_id = :channel_id AND range.user_id = :user_id AND first_seq <= :seq
        ORDER BY first_seq DESC LIMIT 1
    ), 0) <= :seq
"""
_STORE_RECEIPT_ON_SQLITE = """
INSERT INTO message_receipts (position, recipient_id, status, updated_at) VALUES (?, ?, ?, ?)
ON CONFLICT (position, recipient_id)
    DO UPDATE SET status = excluded.status, updated_at = excluded.updated_at
"""
_STORE_READ_RECEIPT_ON_SQLITE = """
INSERT INTO read_receipts ("messageId", "userId", "readAt") VALUES (?, ?, ?) ON CONFLICT DO NOTHING
"""
_LOW_ON_SQLITE = """
SELECT 1 + COALESCE(MAX(seq), 0) FROM message_sequences WHERE channel_id = ? AND seq < ?
"""
_JOIN_ON_SQLITE = """
DELETE FROM delivered_ranges
WHERE channel_id = ? AND user_id = ? AND first_seq > ? AND first_seq <= ?
RETURNING end_seq
"""
_EXTEND_ON_SQLITE = """
UPDATE delivered_ranges SET end_seq = MAX(end_seq, :end_seq)
WHERE channel_id = :channel_id AND user_id = :user_id AND end_seq >= :low AND first_seq = (
    SELECT MAX(first_seq) FROM delivered_ranges
    WHERE channel_id = :channel_id AND user_id = :user_id AND first_seq <= :low
)
"""
_ADD_RANGE_ON_SQLITE = """
INSERT INTO delivered_ranges (channel_id, user_id, first_seq, end_seq)
VALUES (:channel_id, :user_id, :low, :end_seq)
"""
_SENT_TO_ON_SQLITE = """
SELECT user_id FROM memberships AS member
WHERE channel_id = :channel_id AND user_id >= :first AND user_id <> :author_id
    AND COALESCE(left_after, :seq) >= :seq
    AND NOT EXISTS (
        SELECT 1 FROM message_receipts WHERE position = :position AND recipient_id = member.user_id
    )
    AND COALESCE((
        SELECT end_seq FROM delivered_ranges AS range
        WHERE range.channel_id = :channel_id AND range.user_id = member.user_id
            AND first_seq <= :seq
        ORDER BY first_seq DESC LIMIT 1
    ), 0) <= :seq
ORDER BY user_id LIMIT 1
"""
_DELIVERED_TO_ON_SQLITE = """
SELECT recipient_id FROM message_receipts
WHERE position = ? AND recipient_id >= ? AND status = 'DELIVERED' ORDER BY recipient_id LIMIT 1
"""
_REACH_ON_SQLITE = """
UPDATE message_sequences SET revision = revision + 1, reached = ?, waiting_for = ?
WHERE position = ?
"""
_REACH_MESSAGE_ON_SQLITE = """
UPDATE messages SET "deliveryStatus" = ? WHERE id = ?
"""

_Execute: TypeAlias = Callable[..., sqlite3.Cursor]


def advance_on_sqlite(
    connection: sqlite3.Connection, pairs: Mapping[Pair, DeliveryState], now: datetime
) -> list[AdvanceResult]:
    """Run a few prepared statements for each pair, and a few for each message."""
    execute, time = connection.execute, sqlite_time(now)
    messages: dict[MessageId, _SqliteMessage | None] = {}
    results: list[AdvanceResult] = []
    for (message_id, user_id), state in pairs.items():
        if message_id not in messages:
            row = execute(_MESSAGE_ON_SQLITE, (message_id,)).fetchone()
            messages[message_id] = row and _SqliteMessage(message_id, *row)
        results.append(_advance(execute, messages[message_id], user_id, state, time))
    for message in messages.values():
        if message is not None and message.is_touched:
            message.update(execute)
    return results


def _advance(
    execute: _Execute,
    message: "_SqliteMessage | None",
    user_id: UserId,
    state: DeliveryState,
    time: str,
) -> AdvanceResult:
    if (
        message is None
        or not execute(_IS_MEMBER_ON_SQLITE, (message.channel_id, user_id)).fetchone()
    ):
        return NoDelivery.NOT_FOUND
    if message.position is None:
        return NoDelivery.NOT_ADOPTED
    key = (message.position, user_id)
    receipt = execute(_RECEIPT_ON_SQLITE, key).fetchone()
    before, updated_at = DeliveryState.SENT, None
    if receipt is not None:
        before, updated_at = DeliveryState(receipt[0]), from_sqlite_time(receipt[1])
    elif not message.is_sent_to(execute, user_id):
        return NoDelivery.NOT_A_RECIPIENT
    if before.may_become(state):
        message.is_touched = True
        execute(_STORE_RECEIPT_ON_SQLITE, (*key, state, time))
        if state is DeliveryState.READ:
            execute(_STORE_READ_RECEIPT_ON_SQLITE, (message.id, user_id, time))
        if receipt is None:
            message.mark_delivered(execute, user_id)
    return Delivery(before, updated_at, message.author_id, message.author_is_member)


@dataclass(slots=True)
class _SqliteMessage:
    """A row of ``_MESSAGE_ON_SQLITE``, and whether the batch has changed one of its receipts."""

    id: MessageId
    channel_id: str
    author_id: UserId
    status: str | None
    author_is_member: bool
    position: int | None
    seq: int
    seq_channel: str
    reached: str
    waiting_for: str | None
    is_touched: bool = False

    def __post_init__(self) -> None:
        self.author_is_member = bool(self.author_is_member)

    def is_sent_to(self, execute: _Execute, user_id: UserId) -> bool:
        """Return whether the user is a recipient to whom the message is not delivered yet."""
        if user_id == self.author_id:
            return False
        pair = {"channel_id": self.seq_channel, "user_id": user_id, "seq": self.seq}
        return execute(_IS_SENT_ON_SQLITE, pair).fetchone() is not None

    def mark_delivered(self, execute: _Execute, user_id: UserId) -> None:
        key = (self.seq_channel, user_id)
        (low,) = execute(_LOW_ON_SQLITE, (self.seq_channel, self.seq)).fetchone()
        # Delete the next range, and ranges that contain only numbers of deleted messages: the new
        # range will include their numbers.
        joined = execute(_JOIN_ON_SQLITE, (*key, low, self.seq + 1)).fetchall()
        delivered = {
            "channel_id": self.seq_channel,
            "user_id": user_id,
            "low": low,
            "end_seq": max([self.seq + 1, *(end for (end,) in joined)]),
        }
        if not execute(_EXTEND_ON_SQLITE, delivered).rowcount:
            execute(_ADD_RANGE_ON_SQLITE, delivered)

    def update(self, execute: _Execute) -> None:
        """Advance the message to the state that all recipients have reached."""
        reached, waiting, first = DeliveryState.SENT, None, self.waiting_for or ""
        if self.reached == DeliveryState.SENT:
            search = {
                "channel_id": self.seq_channel,
                "first": first,
                "author_id": self.author_id,
                "seq": self.seq,
                "position": self.position,
            }
            waiting = execute(_SENT_TO_ON_SQLITE, search).fetchone()
            first = ""
        if waiting is None:
            waiting = execute(_DELIVERED_TO_ON_SQLITE, (self.position, first)).fetchone()
            reached = DeliveryState.READ if waiting is None else DeliveryState.DELIVERED
        execute(_REACH_ON_SQLITE, (reached, waiting and waiting[0], self.position))
        if to_state(self.status).may_become(reached):
            execute(_REACH_MESSAGE_ON_SQLITE, (reached, self.id))
