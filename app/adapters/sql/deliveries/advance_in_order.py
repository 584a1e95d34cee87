"""Stores a batch of receipts on PostgreSQL if they are in order, as nearly all receipts are.

A report is in order if the recipient has reported no later message of the channel, or if it repeats
a report. So the report extends the recipient's last range, or adds a range after it, and no other
range has to be found or joined.
"""

from collections.abc import Mapping
from datetime import datetime

from app.adapters.sql.connection.engines import PostgresConnection
from app.adapters.sql.deliveries.advance_results import Delivery, Pair
from app.adapters.sql.deliveries.receipt_steps import (
    ADVANCE_MESSAGES,
    LOCK_MESSAGES,
    STORE_RECEIPTS,
    to_delivery,
)
from app.domain.delivery import DeliveryState
from app.domain.ids import MessageId, UserId

_ADVANCE_IN_ORDER = f"""
WITH message AS MATERIALIZED (
    SELECT report.*, message."channelId" AS channel_id, message."userId" AS author_id,
        message."deliveryStatus"::text AS status, sequence.position, sequence.seq,
        sequence.channel_id AS seq_channel, sequence.reached, sequence.waiting_for,
        sequence.revision, begun.revision AS begun_revision, 1 + COALESCE((
            SELECT earlier.seq FROM message_sequences AS earlier
            WHERE earlier.channel_id = sequence.channel_id AND earlier.seq < sequence.seq
            ORDER BY earlier.seq DESC LIMIT 1
        ), 0) AS low, (
            SELECT "userId" FROM channel_members
            WHERE "channelId" = message."channelId" AND "userId" = message."userId"
        ) IS NOT NULL AS author_is_member
    FROM unnest($2::text[], $3::text[], $4::text[])
        WITH ORDINALITY AS report (message_id, state, user_ids, list_number)
    {LOCK_MESSAGES}
), pair AS MATERIALIZED (
    SELECT list_number, user_number, report.user_id, state, message_id, author_id, author_is_member,
        message.status, position, seq_channel, seq, reached, waiting_for,
        -- The report extends the last range if they adjoin; otherwise it adds a range.
        CASE WHEN range.end_seq >= low THEN range.first_seq ELSE low END AS first_seq,
        receipt.status AS before, receipt.updated_at
    FROM message
    CROSS JOIN LATERAL string_to_table(user_ids, E'\\n')
        WITH ORDINALITY AS report (user_id, user_number)
    CROSS JOIN LATERAL (
        SELECT FROM channel_members AS member
        WHERE member."channelId" = message.channel_id AND member."userId" = report.user_id LIMIT 1
    ) AS member
    CROSS JOIN LATERAL (
        SELECT FROM users WHERE id = report.user_id FOR KEY SHARE SKIP LOCKED
    ) AS reporter
    LEFT JOIN LATERAL (
        SELECT first_seq, end_seq FROM delivered_ranges
        WHERE delivered_ranges.channel_id = message.seq_channel
            AND delivered_ranges.user_id = report.user_id
        ORDER BY first_seq DESC LIMIT 1
    ) AS range ON true
    LEFT JOIN LATERAL (
        SELECT message_receipts.status, updated_at FROM message_receipts
        WHERE range.end_seq > message.seq
            AND message_receipts.position = message.position AND recipient_id = report.user_id
        LIMIT 1
    ) AS receipt ON true
    WHERE revision = begun_revision AND report.user_id <> author_id
        AND (
            receipt.status IS NOT NULL
            OR (COALESCE(range.end_seq, 0) <= seq AND (
                SELECT COALESCE(left_after, seq) >= seq FROM memberships
                WHERE memberships.channel_id = seq_channel AND memberships.user_id = report.user_id
            ))
        )
), changed AS MATERIALIZED (
    SELECT * FROM pair WHERE before IS NULL OR (before = 'DELIVERED' AND state = 'READ')
), {STORE_RECEIPTS}, extended AS (
    INSERT INTO delivered_ranges (channel_id, user_id, first_seq, end_seq)
    SELECT seq_channel, user_id, first_seq, seq + 1 FROM changed WHERE before IS NULL
    ORDER BY seq_channel, user_id
    ON CONFLICT (channel_id, user_id, first_seq)
        DO UPDATE SET end_seq = GREATEST(delivered_ranges.end_seq, excluded.end_seq)
), {ADVANCE_MESSAGES}
SELECT list_number, user_number, before, updated_at, author_id, author_is_member FROM pair
"""  # noqa: S608 - our own fragments


async def advance_in_order(
    connection: PostgresConnection, pairs: Mapping[Pair, DeliveryState], now: datetime
) -> dict[Pair, Delivery]:
    """Store the reports that are in order; return the delivery of each.

    Args:
        pairs: At most one report per user, because PostgreSQL rejects an upsert that changes the
            same range twice.
    """
    lists: dict[tuple[MessageId, DeliveryState], list[UserId]] = {}
    for (message_id, user_id), state in pairs.items():
        lists.setdefault((message_id, state), []).append(user_id)
    rows = await connection.fetch(
        _ADVANCE_IN_ORDER,
        now.replace(tzinfo=None),
        [message_id for message_id, _ in lists],
        [state for _, state in lists],
        # One text per list, because an array of all ids takes longer. Ids are printable
        # (`checked_id`), so they contain no line break.
        ["\n".join(user_ids) for user_ids in lists.values()],
    )
    reports = list(lists.items())
    stored: dict[Pair, Delivery] = {}
    for list_number, user_number, *columns in rows:
        (message_id, _), user_ids = reports[list_number - 1]
        stored[message_id, user_ids[user_number - 1]] = to_delivery(*columns)
    return stored
