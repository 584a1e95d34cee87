"""Stores a batch of receipts with one statement on PostgreSQL, or one transaction on SQLite.

The drivers run the statements without SQLAlchemy, as in `app.adapters.sql.messages.storing`.
"""

import sqlite3
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import Enum, auto
from typing import TypeAlias

from app.adapters.sql.connection.engines import PostgresConnection, Write
from app.adapters.sql.locked_rows import Locked
from app.adapters.sql.queries import to_state
from app.adapters.sql.schema.dialects import from_naive, from_sqlite_time, sqlite_time
from app.domain.delivery import DeliveryState
from app.domain.ids import MessageId, UserId

Pair: TypeAlias = tuple[MessageId, UserId]
"""The message of a report, and the user who reports it."""


class NoDelivery(Enum):
    """The reason why a report about a message is not stored."""

    NOT_FOUND = auto()
    """There is no such message, or the reporter is not a member of its channel."""
    NOT_ADOPTED = auto()
    """The original backend has stored the message, but this server has not adopted it yet."""
    NOT_A_RECIPIENT = auto()


@dataclass(frozen=True, slots=True)
class Delivery:
    """The state of a delivery before the batch.

    Attributes:
        updated_at: The time at which ``state`` was reached; None for SENT.
    """

    state: DeliveryState
    updated_at: datetime | None
    author_id: UserId
    author_is_member: bool


AdvanceResult: TypeAlias = Delivery | NoDelivery | Locked

# The statement locks messages and their rows in ``message_sequences``, and increments ``revision``.
# It sees receipts as they were when it began. So ``pair`` skips messages whose ``revision`` has
# changed since then, because their receipts may have changed as well. ``locked`` skips messages if
# another transaction has locked one of their rows. Reports about skipped messages are retried (see
# `app.adapters.sql.locked_rows`).
#
# ``low`` is the ``seq`` after that of the previous message, so a range includes the numbers of
# deleted messages between the two. Ranges are locked in sorted order, so that this statement cannot
# deadlock with the statement that stores messages, which extends ranges as well. The steps are
# written for nested loops, as explained in `app.adapters.sql.messages.storing`.
_ADVANCE_ON_POSTGRES = """
WITH report AS MATERIALIZED (
    SELECT * FROM unnest($1::text[], $2::text[], $3::text[])
    WITH ORDINALITY AS report (message_id, user_id, state, number)
), locked AS MATERIALIZED (
    SELECT report.*, message."channelId" AS channel_id, message."userId" AS author_id,
        message."deliveryStatus"::text AS status, sequence.position, sequence.seq,
        sequence.channel_id AS seq_channel, sequence.reached, sequence.waiting_for,
        sequence.revision, begun.revision AS begun_revision
    FROM report
    -- With plain joins, a plan that was made while the tables were small may read whole tables.
    -- FOR UPDATE also skips a message while the original backend inserts a read receipt for it.
    CROSS JOIN LATERAL (
        SELECT FROM users WHERE id = report.user_id FOR KEY SHARE SKIP LOCKED
    ) AS reporter
    CROSS JOIN LATERAL (
        SELECT * FROM messages WHERE id = report.message_id FOR UPDATE SKIP LOCKED
    ) AS message
    CROSS JOIN LATERAL (
        SELECT FROM channels WHERE id = message."channelId" FOR KEY SHARE SKIP LOCKED
    ) AS channel
    CROSS JOIN LATERAL (
        SELECT FROM channel_members
        WHERE "channelId" = message."channelId" AND "userId" = report.user_id LIMIT 1
    ) AS member
    CROSS JOIN LATERAL (
        SELECT revision FROM message_sequences WHERE message_id = report.message_id LIMIT 1
    ) AS begun
    CROSS JOIN LATERAL (
        SELECT * FROM message_sequences
        WHERE message_id = report.message_id FOR NO KEY UPDATE SKIP LOCKED
    ) AS sequence
), pair AS MATERIALIZED (
    SELECT locked.*, receipt.status AS before, receipt.updated_at,
        receipt.status IS NULL AND user_id <> author_id AND EXISTS (
            SELECT FROM memberships AS member
            WHERE member.channel_id = locked.seq_channel AND member.user_id = locked.user_id
                AND COALESCE(left_after, seq) >= seq
        ) AND COALESCE((
            SELECT end_seq FROM delivered_ranges AS range
            WHERE range.channel_id = locked.seq_channel AND range.user_id = locked.user_id
                AND first_seq <= seq
            ORDER BY first_seq DESC LIMIT 1
        ), 0) <= seq AS is_sent,
        EXISTS (
            SELECT FROM channel_members
            WHERE "channelId" = locked.channel_id AND "userId" = locked.author_id
        ) AS author_is_member
    FROM locked LEFT JOIN LATERAL (
        SELECT status, updated_at FROM message_receipts
        WHERE position = locked.position AND recipient_id = locked.user_id LIMIT 1
    ) AS receipt ON true
    WHERE revision = begun_revision
), changed AS MATERIALIZED (
    SELECT * FROM pair WHERE is_sent OR (before = 'DELIVERED' AND state = 'READ')
), receipt AS (
    INSERT INTO message_receipts (position, recipient_id, status, updated_at)
    SELECT position, user_id, state, $4::timestamp FROM changed
    ON CONFLICT (position, recipient_id)
        DO UPDATE SET status = excluded.status, updated_at = excluded.updated_at
        WHERE message_receipts.status = 'DELIVERED' AND excluded.status = 'READ'
), read_receipt AS (
    INSERT INTO read_receipts ("messageId", "userId", "readAt")
    SELECT message_id, user_id, $4::timestamp FROM changed WHERE state = 'READ'
    ON CONFLICT DO NOTHING
), delivered AS MATERIALIZED (
    SELECT seq_channel AS channel_id, user_id, seq, 1 + COALESCE((
        SELECT seq FROM message_sequences AS earlier
        WHERE earlier.channel_id = changed.seq_channel AND earlier.seq < changed.seq
        ORDER BY seq DESC LIMIT 1
    ), 0) AS low
    FROM changed WHERE is_sent
), island AS MATERIALIZED (
    SELECT channel_id, user_id, MIN(low) AS first_seq, MAX(seq) + 1 AS end_seq
    FROM (
        SELECT delivered.*, SUM(starts) OVER by_user AS number
        FROM (
            SELECT delivered.*,
                CASE WHEN low <= LAG(seq) OVER by_user + 1 THEN 0 ELSE 1 END AS starts
            FROM delivered WINDOW by_user AS (PARTITION BY channel_id, user_id ORDER BY seq)
        ) AS delivered
        WINDOW by_user AS (PARTITION BY channel_id, user_id ORDER BY seq)
    ) AS delivered
    GROUP BY channel_id, user_id, number
    ORDER BY channel_id, user_id, first_seq
), found AS MATERIALIZED (
    SELECT island.*, earlier.first_seq AS earlier_first, later.end_seq AS later_end
    FROM island
    LEFT JOIN LATERAL (
        SELECT first_seq, end_seq FROM delivered_ranges AS range
        WHERE range.channel_id = island.channel_id AND range.user_id = island.user_id
            AND range.first_seq <= island.first_seq
        ORDER BY first_seq DESC LIMIT 1 FOR UPDATE
    ) AS earlier ON earlier.end_seq >= island.first_seq
    LEFT JOIN LATERAL (
        SELECT end_seq FROM delivered_ranges AS range
        WHERE range.channel_id = island.channel_id AND range.user_id = island.user_id
            AND range.first_seq = island.end_seq
        FOR UPDATE
    ) AS later ON true
), grown AS MATERIALIZED (
    SELECT channel_id, user_id, first_seq, end_seq, earlier_first,
        -- If the later range is also the earlier range of the next island, that island extends it.
        CASE WHEN LEAD(earlier_first) OVER by_user IS DISTINCT FROM end_seq THEN later_end END
            AS later_end
    FROM found WINDOW by_user AS (PARTITION BY channel_id, user_id ORDER BY first_seq)
), joined AS (
    -- Ranges inside an island contain only numbers of deleted messages.
    DELETE FROM delivered_ranges AS range USING grown
    WHERE range.channel_id = grown.channel_id AND range.user_id = grown.user_id
        AND range.first_seq > grown.first_seq AND range.first_seq <= grown.end_seq
        AND (range.first_seq < grown.end_seq OR grown.later_end IS NOT NULL)
), extended AS (
    INSERT INTO delivered_ranges (channel_id, user_id, first_seq, end_seq)
    SELECT channel_id, user_id, COALESCE(earlier_first, first_seq), GREATEST(end_seq, later_end)
    FROM grown
    ON CONFLICT (channel_id, user_id, first_seq)
        DO UPDATE SET end_seq = GREATEST(delivered_ranges.end_seq, excluded.end_seq)
), touched AS MATERIALIZED (
    SELECT position, message_id, status, seq_channel, seq, author_id, reached, waiting_for,
        MIN(user_id) FILTER (WHERE state = 'DELIVERED') AS now_delivered
    FROM changed
    GROUP BY position, message_id, status, seq_channel, seq, author_id, reached, waiting_for
), waiting AS MATERIALIZED (
    SELECT touched.*, (
        SELECT member.user_id FROM memberships AS member
        WHERE touched.reached = 'SENT' AND member.channel_id = touched.seq_channel
            AND member.user_id >= COALESCE(touched.waiting_for, '')
            AND member.user_id <> touched.author_id
            AND COALESCE(member.left_after, touched.seq) >= touched.seq
            AND (touched.position, member.user_id)
                NOT IN (SELECT changed.position, changed.user_id FROM changed)
            AND COALESCE((
                SELECT end_seq FROM delivered_ranges AS range
                WHERE range.channel_id = member.channel_id AND range.user_id = member.user_id
                    AND range.first_seq <= touched.seq
                ORDER BY range.first_seq DESC LIMIT 1
            ), 0) <= touched.seq
            AND NOT EXISTS (
                SELECT FROM message_receipts
                WHERE position = touched.position AND recipient_id = member.user_id
            )
        ORDER BY member.user_id LIMIT 1
    ) AS sent_to
    FROM touched
), unread AS MATERIALIZED (
    SELECT waiting.*, CASE WHEN sent_to IS NULL THEN LEAST(now_delivered, (
        SELECT recipient_id FROM message_receipts AS receipt
        WHERE receipt.position = waiting.position AND receipt.status = 'DELIVERED'
            AND receipt.recipient_id >= CASE
                WHEN waiting.reached = 'DELIVERED' THEN COALESCE(waiting.waiting_for, '') ELSE ''
            END
            AND (receipt.position, receipt.recipient_id)
                NOT IN (SELECT changed.position, changed.user_id FROM changed)
        ORDER BY recipient_id LIMIT 1
    )) END AS delivered_to
    FROM waiting
), overall AS MATERIALIZED (
    SELECT message_id, position, status, COALESCE(sent_to, delivered_to) AS waiting_for, CASE
        WHEN sent_to IS NOT NULL THEN 'SENT' WHEN delivered_to IS NOT NULL THEN 'DELIVERED'
        ELSE 'READ' END AS reached
    FROM unread
), sequence AS (
    UPDATE message_sequences AS sequence SET revision = sequence.revision + 1,
        reached = overall.reached, waiting_for = overall.waiting_for
    FROM overall WHERE sequence.position = overall.position
), sent_message AS (
    UPDATE messages SET "deliveryStatus" = 'SENT' WHERE id = ANY (ARRAY(
        SELECT message_id FROM overall WHERE reached = 'SENT' AND status IN ('SENDING', 'FAILED')
    ))
), delivered_message AS (
    UPDATE messages SET "deliveryStatus" = 'DELIVERED' WHERE id = ANY (ARRAY(
        SELECT message_id FROM overall
        WHERE reached = 'DELIVERED' AND COALESCE(status, '') NOT IN ('DELIVERED', 'READ')
    ))
), read_message AS (
    UPDATE messages SET "deliveryStatus" = 'READ' WHERE id = ANY (ARRAY(
        SELECT message_id FROM overall WHERE reached = 'READ' AND COALESCE(status, '') <> 'READ'
    ))
)
SELECT number, true, before, updated_at, is_sent, author_id, author_is_member, NULL, NULL
FROM pair
UNION ALL
SELECT number, false, NULL, NULL, NULL, NULL, NULL, (
    SELECT "userId" FROM channel_members WHERE "userId" = report.user_id
        AND "channelId" = (SELECT "channelId" FROM messages WHERE id = report.message_id)
) IS NOT NULL AND (SELECT id FROM users WHERE id = report.user_id) IS NOT NULL,
(SELECT seq FROM message_sequences WHERE message_id = report.message_id) IS NOT NULL
FROM report WHERE number NOT IN (SELECT number FROM pair)
ORDER BY number
"""

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


@dataclass(frozen=True, slots=True)
class AdvanceDeliveries(Write[list[AdvanceResult]]):
    """Advances deliveries to DELIVERED or READ, and then the overall state of each message.

    Attributes:
        pairs: The reported state, DELIVERED or READ, by message and recipient.
    """

    pairs: Mapping[Pair, DeliveryState]
    now: datetime

    async def on_postgres(self, connection: PostgresConnection) -> list[AdvanceResult]:
        """Run one statement for all pairs."""
        rows = await connection.fetch(
            _ADVANCE_ON_POSTGRES,
            [message_id for message_id, _ in self.pairs],
            [user_id for _, user_id in self.pairs],
            list(self.pairs.values()),
            self.now.replace(tzinfo=None),
        )
        return [_result(*row[1:]) for row in rows]

    def on_sqlite(self, connection: sqlite3.Connection) -> list[AdvanceResult]:
        """Run a few prepared statements for each pair, and a few for each message."""
        execute, time = connection.execute, sqlite_time(self.now)
        messages: dict[MessageId, _SqliteMessage | None] = {}
        results: list[AdvanceResult] = []
        for (message_id, user_id), state in self.pairs.items():
            if message_id not in messages:
                row = execute(_MESSAGE_ON_SQLITE, (message_id,)).fetchone()
                messages[message_id] = row and _SqliteMessage(message_id, *row)
            results.append(self._advance(execute, messages[message_id], user_id, state, time))
        for message in messages.values():
            if message is not None and message.is_touched:
                message.update(execute)
        return results

    def _advance(
        self,
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


def _result(
    is_found: bool,  # noqa: FBT001 - the columns of a row
    before: str | None,
    updated_at: datetime | None,
    is_sent: bool,  # noqa: FBT001
    author_id: UserId,
    author_is_member: bool,  # noqa: FBT001
    is_seen: bool,  # noqa: FBT001
    is_adopted: bool,  # noqa: FBT001
) -> AdvanceResult:
    if not is_found:
        if not is_seen:
            return NoDelivery.NOT_FOUND
        return Locked.LOCKED if is_adopted else NoDelivery.NOT_ADOPTED
    if before is None and not is_sent:
        return NoDelivery.NOT_A_RECIPIENT
    state = DeliveryState.SENT if before is None else DeliveryState(before)
    time = None if updated_at is None else from_naive(updated_at)
    return Delivery(state, time, author_id, author_is_member)
