"""Stores a batch of messages with one statement on PostgreSQL, or one transaction on SQLite.

The drivers run the statements without SQLAlchemy, which would take longer than the database itself
(measured by ``make storage``).
"""

import sqlite3
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import Enum, auto
from typing import TypeAlias

from app.adapters.sql.connection.engines import PostgresConnection, Write
from app.adapters.sql.schema.dialects import sqlite_time
from app.adapters.sql.skipped_items import Skipped
from app.domain.delivery import DeliveryState
from app.domain.message import FirstSend, Message, MessageDraft, User


class NotStored(Enum):
    """The reason why a draft was not stored."""

    NOT_A_MEMBER = auto()
    REPEATED = auto()
    """The client message id is taken, by an earlier message or by an earlier draft of the batch."""


StoringResult: TypeAlias = Message | NotStored | Skipped

# ``member`` locks users and channels against deletion, and skips locked rows (see
# `app.adapters.sql.skipped_items`). Later steps may wait, but only for locks that the original
# backend never takes. All nodes take these locks in the same order: client message ids (sorted),
# ``channel_sequences`` (sorted), delivered ranges.
#
# The session settings disable hash joins and merge joins. So each step passes on the columns that
# later steps need, or the later steps look them up by an index. To test whether another step
# contains a row, a step uses a subquery that PostgreSQL hashes: NOT IN, or IN inside an OR or in
# the SELECT list.
_STORE_ON_POSTGRES = """
WITH draft AS MATERIALIZED (
    SELECT * FROM unnest($1::text[], $2::text[], $3::text[], $4::text[], $5::text[], $6::text[])
    WITH ORDINALITY AS draft
        (id, channel_id, user_id, content, client_message_id, digest, number)
), member AS MATERIALIZED (
    SELECT draft.*, COALESCE(author.name, author.id) AS name, author."imageUrl" AS image_url
    FROM draft
    -- With plain joins, a plan that was made while the tables were small may read whole tables.
    CROSS JOIN LATERAL (
        SELECT FROM channel_members
        WHERE "channelId" = draft.channel_id AND "userId" = draft.user_id LIMIT 1
    ) AS membership
    CROSS JOIN LATERAL (
        SELECT * FROM users WHERE id = draft.user_id FOR KEY SHARE SKIP LOCKED
    ) AS author
    CROSS JOIN LATERAL (
        SELECT FROM channels WHERE id = draft.channel_id FOR KEY SHARE SKIP LOCKED
    ) AS channel
), locked AS MATERIALIZED (
    SELECT channel_id, user_id, MIN(number) AS number
    FROM draft
    WHERE number NOT IN (SELECT number FROM member)
        -- Each scalar subquery reads one row. For EXISTS, PostgreSQL may read the whole table.
        AND (
            SELECT "userId" FROM channel_members
            WHERE "channelId" = draft.channel_id AND "userId" = draft.user_id
        ) IS NOT NULL
        AND (SELECT id FROM users WHERE id = draft.user_id) IS NOT NULL
        AND (SELECT id FROM channels WHERE id = draft.channel_id) IS NOT NULL
    GROUP BY channel_id, user_id
), ready AS MATERIALIZED (
    -- To keep the order of a sender's messages, skip all of the sender's drafts after a locked one.
    SELECT * FROM member WHERE NOT EXISTS (
        SELECT FROM locked
        WHERE locked.channel_id = member.channel_id AND locked.user_id = member.user_id
            AND locked.number < member.number
    )
), claim AS (
    INSERT INTO client_messages (user_id, client_message_id, message_id, digest)
    SELECT DISTINCT ON (user_id, client_message_id) user_id, client_message_id, id, digest
    FROM ready
    WHERE client_message_id IS NOT NULL
    ORDER BY user_id, client_message_id, number
    ON CONFLICT DO NOTHING
    RETURNING message_id
), accepted AS MATERIALIZED (
    SELECT *, ROW_NUMBER() OVER (PARTITION BY channel_id ORDER BY number) AS place,
        COUNT(*) OVER (PARTITION BY channel_id) AS size
    FROM ready
    WHERE client_message_id IS NULL OR id IN (SELECT message_id FROM claim)
), taken AS (
    INSERT INTO channel_sequences (channel_id, last_seq)
    SELECT DISTINCT channel_id, size FROM accepted ORDER BY channel_id
    ON CONFLICT (channel_id)
        DO UPDATE SET last_seq = channel_sequences.last_seq + excluded.last_seq
    RETURNING channel_id, last_seq
), numbered AS MATERIALIZED (
    SELECT accepted.*, (taken.last_seq - size + place)::integer AS seq
    FROM accepted JOIN taken USING (channel_id)
), stored AS (
    INSERT INTO messages
        (id, content, "channelId", "userId", "createdAt", "updatedAt", "deliveryStatus")
    SELECT id, content, channel_id, user_id, $7::timestamp, $7::timestamp, 'SENT' FROM numbered
), sequenced AS (
    INSERT INTO message_sequences (message_id, channel_id, seq, revision)
    SELECT id, channel_id, seq, 1 FROM numbered ORDER BY number
), own AS MATERIALIZED (
    SELECT channel_id, user_id, MIN(seq) AS first_seq, MAX(seq) + 1 AS end_seq
    FROM (
        SELECT channel_id, user_id, seq,
            seq - ROW_NUMBER() OVER (PARTITION BY channel_id, user_id ORDER BY seq) AS island
        FROM numbered
    ) AS numbered
    GROUP BY channel_id, user_id, island
    ORDER BY channel_id, user_id, first_seq
), grown AS MATERIALIZED (
    SELECT own.*, earlier.first_seq AS earlier_first
    FROM own LEFT JOIN LATERAL (
        SELECT first_seq, end_seq FROM delivered_ranges
        WHERE channel_id = own.channel_id AND user_id = own.user_id
            AND first_seq < own.first_seq
        ORDER BY first_seq DESC LIMIT 1 FOR UPDATE
    ) AS earlier ON earlier.end_seq = own.first_seq
), extended AS (
    -- Not an UPDATE: its plan may read the whole table, if it was made while the table was empty.
    INSERT INTO delivered_ranges (channel_id, user_id, first_seq, end_seq)
    SELECT channel_id, user_id, COALESCE(earlier_first, first_seq), end_seq FROM grown
    ON CONFLICT (channel_id, user_id, first_seq) DO UPDATE SET end_seq = excluded.end_seq
)
SELECT number, seq, name, image_url, false, false FROM numbered
UNION ALL
SELECT number, NULL, NULL, NULL, number IN (SELECT number FROM ready), EXISTS (
    SELECT FROM locked
    WHERE locked.channel_id = draft.channel_id AND locked.user_id = draft.user_id
        AND locked.number <= draft.number
)
FROM draft WHERE number NOT IN (SELECT number FROM numbered)
ORDER BY number
"""

_SENDER_ON_SQLITE = """
SELECT COALESCE(users.name, users.id), users."imageUrl"
FROM channel_members JOIN users ON users.id = "userId"
WHERE "channelId" = ? AND "userId" = ?
"""
_CLAIM_ON_SQLITE = """
INSERT INTO client_messages (user_id, client_message_id, message_id, digest) VALUES (?, ?, ?, ?)
ON CONFLICT DO NOTHING
"""
_TAKE_ON_SQLITE = """
INSERT INTO channel_sequences (channel_id, last_seq) VALUES (?, 1)
ON CONFLICT (channel_id) DO UPDATE SET last_seq = last_seq + 1
RETURNING last_seq
"""
_STORE_ON_SQLITE = """
INSERT INTO messages
    (id, content, "channelId", "userId", "createdAt", "updatedAt", "deliveryStatus")
VALUES (?, ?, ?, ?, ?, ?, 'SENT')
"""
_SEQUENCE_ON_SQLITE = """
INSERT INTO message_sequences (message_id, channel_id, seq, revision) VALUES (?, ?, ?, 1)
"""
_EXTEND_ON_SQLITE = """
UPDATE delivered_ranges SET end_seq = end_seq + 1
WHERE channel_id = :channel_id AND user_id = :user_id AND end_seq = :seq AND first_seq = (
    SELECT MAX(first_seq) FROM delivered_ranges
    WHERE channel_id = :channel_id AND user_id = :user_id AND first_seq < :seq
)
"""
_ADD_RANGE_ON_SQLITE = """
INSERT INTO delivered_ranges (channel_id, user_id, first_seq, end_seq)
VALUES (:channel_id, :user_id, :seq, :seq + 1)
"""


@dataclass(frozen=True, slots=True)
class StoreMessages(Write[list[StoringResult]]):
    """Stores the drafts of channel members, and numbers the messages in the order of ``drafts``."""

    drafts: Sequence[MessageDraft]
    now: datetime

    async def on_postgres(self, connection: PostgresConnection) -> list[StoringResult]:
        """Run one statement for all drafts."""
        drafts = self.drafts
        rows = await connection.fetch(
            _STORE_ON_POSTGRES,
            [draft.id for draft in drafts],
            [draft.channel_id for draft in drafts],
            [draft.user_id for draft in drafts],
            [draft.content for draft in drafts],
            [draft.client_message_id for draft in drafts],
            [_digest(draft) for draft in drafts],
            self.now.replace(tzinfo=None),
        )
        results: list[StoringResult] = []
        for draft, row in zip(drafts, rows, strict=True):
            _, seq, name, image_url, is_repeated, is_locked = row
            if seq is not None:
                results.append(self._message(draft, seq, name, image_url))
            elif is_repeated:
                results.append(NotStored.REPEATED)
            else:
                results.append(Skipped.SKIPPED if is_locked else NotStored.NOT_A_MEMBER)
        return results

    def on_sqlite(self, connection: sqlite3.Connection) -> list[StoringResult]:
        """Run a few prepared statements for each draft."""
        time = sqlite_time(self.now)
        return [self._store_on_sqlite(connection.execute, draft, time) for draft in self.drafts]

    def _store_on_sqlite(
        self, execute: Callable[..., sqlite3.Cursor], draft: MessageDraft, time: str
    ) -> StoringResult:
        channel_id, user_id = draft.channel_id, draft.user_id
        sender = execute(_SENDER_ON_SQLITE, (channel_id, user_id)).fetchone()
        if sender is None:
            return NotStored.NOT_A_MEMBER
        if draft.client_message_id is not None:
            claim = (user_id, draft.client_message_id, draft.id, _digest(draft))
            if not execute(_CLAIM_ON_SQLITE, claim).rowcount:
                return NotStored.REPEATED
        (seq,) = execute(_TAKE_ON_SQLITE, (channel_id,)).fetchone()
        execute(_STORE_ON_SQLITE, (draft.id, draft.content, channel_id, user_id, time, time))
        execute(_SEQUENCE_ON_SQLITE, (draft.id, channel_id, seq))
        own = {"channel_id": channel_id, "user_id": user_id, "seq": seq}
        if not execute(_EXTEND_ON_SQLITE, own).rowcount:
            execute(_ADD_RANGE_ON_SQLITE, own)
        return self._message(draft, seq, *sender)

    def _message(self, draft: MessageDraft, seq: int, name: str, image_url: str | None) -> Message:
        return Message(
            id=draft.id,
            content=draft.content,
            channel_id=draft.channel_id,
            user_id=draft.user_id,
            created_at=self.now,
            updated_at=self.now,
            delivery_status=DeliveryState.SENT,
            user=User(draft.user_id, name, image_url),
            seq=seq,
        )


def _digest(draft: MessageDraft) -> str | None:
    return None if draft.client_message_id is None else FirstSend.of(draft).digest
