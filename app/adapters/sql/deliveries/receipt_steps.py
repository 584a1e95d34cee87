"""The common steps of the statements that store receipts on PostgreSQL.

The statements lock messages and their rows in ``message_sequences``, and increment ``revision``.
They see receipts as they were when the statement began. So ``pair`` skips messages whose
``revision`` has changed since then, because their receipts may have changed as well. A report is
also skipped if another transaction has locked its message, its channel or its reporter. Skipped
reports are retried (see `app.adapters.sql.skipped_items`).

``low`` is the ``seq`` after that of the previous message, so a range includes the numbers of
deleted messages between the two. Ranges are extended in sorted order, so that these statements
cannot deadlock with each other or with the statement that stores messages, which extends ranges as
well. Ranges of concurrent statements may overlap or adjoin. The steps are written for nested loops,
as explained in `app.adapters.sql.messages.storing`.
"""

from datetime import datetime
from typing import Final

from app.adapters.sql.deliveries.advance_results import Delivery
from app.adapters.sql.schema.dialects import from_naive
from app.domain.delivery import DeliveryState
from app.domain.ids import UserId

LOCK_MESSAGES: Final = """
    -- With plain joins, a plan that was made while the tables were small may read whole tables.
    -- FOR UPDATE also skips a message for which the original backend has inserted a read receipt.
    CROSS JOIN LATERAL (
        SELECT * FROM messages WHERE id = report.message_id FOR UPDATE SKIP LOCKED
    ) AS message
    CROSS JOIN LATERAL (
        SELECT FROM channels WHERE id = message."channelId" FOR KEY SHARE SKIP LOCKED
    ) AS channel
    CROSS JOIN LATERAL (
        SELECT revision FROM message_sequences WHERE message_id = report.message_id LIMIT 1
    ) AS begun
    CROSS JOIN LATERAL (
        SELECT * FROM message_sequences
        WHERE message_id = report.message_id FOR NO KEY UPDATE SKIP LOCKED
    ) AS sequence
"""
"""Joins each row of ``report`` with its message, and locks the message."""

STORE_RECEIPTS: Final = """
receipt AS (
    INSERT INTO message_receipts (position, recipient_id, status, updated_at)
    SELECT position, user_id, state, $1::timestamp FROM changed
    ON CONFLICT (position, recipient_id)
        DO UPDATE SET status = excluded.status, updated_at = excluded.updated_at
        WHERE message_receipts.status = 'DELIVERED' AND excluded.status = 'READ'
), read_receipt AS (
    INSERT INTO read_receipts ("messageId", "userId", "readAt")
    SELECT message_id, user_id, $1::timestamp FROM changed WHERE state = 'READ'
    ON CONFLICT DO NOTHING
)
"""
"""Stores the reports in ``changed``, which has their messages' columns. ``$1`` is the time."""

ADVANCE_MESSAGES: Final = """
touched AS MATERIALIZED (
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
            -- A scalar subquery reads one row; for NOT EXISTS, PostgreSQL may read all receipts.
            AND (
                SELECT status FROM message_receipts
                WHERE position = touched.position AND recipient_id = member.user_id
            ) IS NULL
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
"""
"""Advances the overall state of each message in ``changed``."""


def to_delivery(
    before: str | None,
    updated_at: datetime | None,
    author_id: UserId,
    author_is_member: bool,  # noqa: FBT001 - the columns of a row
) -> Delivery:
    """Make a `Delivery` from the columns of a row."""
    state = DeliveryState.SENT if before is None else DeliveryState(before)
    time = None if updated_at is None else from_naive(updated_at)
    return Delivery(state, time, author_id, author_is_member)
