"""Stores a batch of receipts on PostgreSQL, in any order."""

from collections.abc import Mapping
from datetime import datetime

from app.adapters.sql.connection.engines import PostgresConnection
from app.adapters.sql.deliveries.advance_results import AdvanceResult, NoDelivery, Pair
from app.adapters.sql.deliveries.receipt_steps import (
    ADVANCE_MESSAGES,
    LOCK_MESSAGES,
    STORE_RECEIPTS,
    to_delivery,
)
from app.adapters.sql.skipped_items import Skipped
from app.domain.delivery import DeliveryState
from app.domain.ids import UserId

_ADVANCE = f"""
WITH report AS MATERIALIZED (
    SELECT * FROM unnest($2::text[], $3::text[], $4::text[])
    WITH ORDINALITY AS report (message_id, user_id, state, number)
), locked AS MATERIALIZED (
    SELECT report.*, message."channelId" AS channel_id, message."userId" AS author_id,
        message."deliveryStatus"::text AS status, sequence.position, sequence.seq,
        sequence.channel_id AS seq_channel, sequence.reached, sequence.waiting_for,
        sequence.revision, begun.revision AS begun_revision
    FROM report
    CROSS JOIN LATERAL (
        SELECT FROM users WHERE id = report.user_id FOR KEY SHARE SKIP LOCKED
    ) AS reporter
    {LOCK_MESSAGES}
    CROSS JOIN LATERAL (
        SELECT FROM channel_members
        WHERE "channelId" = message."channelId" AND "userId" = report.user_id LIMIT 1
    ) AS member
), pair AS MATERIALIZED (
    SELECT locked.*, receipt.status AS before, receipt.updated_at,
        receipt.status IS NULL AND user_id <> author_id AND (
            SELECT COALESCE(left_after, seq) >= seq FROM memberships
            WHERE channel_id = locked.seq_channel AND memberships.user_id = locked.user_id
        ) IS TRUE AND COALESCE((
            SELECT end_seq FROM delivered_ranges AS range
            WHERE range.channel_id = locked.seq_channel AND range.user_id = locked.user_id
                AND first_seq <= seq
            ORDER BY first_seq DESC LIMIT 1
        ), 0) <= seq AS is_sent,
        (
            SELECT "userId" FROM channel_members
            WHERE "channelId" = locked.channel_id AND "userId" = locked.author_id
        ) IS NOT NULL AS author_is_member
    FROM locked LEFT JOIN LATERAL (
        SELECT status, updated_at FROM message_receipts
        WHERE position = locked.position AND recipient_id = locked.user_id LIMIT 1
    ) AS receipt ON true
    WHERE revision = begun_revision
), changed AS MATERIALIZED (
    SELECT * FROM pair WHERE is_sent OR (before = 'DELIVERED' AND state = 'READ')
), {STORE_RECEIPTS}, delivered AS MATERIALIZED (
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
    -- Ranges inside an island contain only numbers of deleted messages. A plain join may read the
    -- whole table, if it was planned while the table was small.
    DELETE FROM delivered_ranges WHERE ctid = ANY (ARRAY(
        SELECT joined.ctid FROM grown CROSS JOIN LATERAL (
            SELECT ctid FROM delivered_ranges AS range
            WHERE range.channel_id = grown.channel_id AND range.user_id = grown.user_id
                AND range.first_seq > grown.first_seq AND range.first_seq <= grown.end_seq
                AND (range.first_seq < grown.end_seq OR grown.later_end IS NOT NULL)
            FOR UPDATE
        ) AS joined
    ))
), extended AS (
    INSERT INTO delivered_ranges (channel_id, user_id, first_seq, end_seq)
    SELECT channel_id, user_id, COALESCE(earlier_first, first_seq), GREATEST(end_seq, later_end)
    FROM grown
    ON CONFLICT (channel_id, user_id, first_seq)
        DO UPDATE SET end_seq = GREATEST(delivered_ranges.end_seq, excluded.end_seq)
), {ADVANCE_MESSAGES}
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
"""  # noqa: S608 - our own fragments


async def advance_in_any_order(
    connection: PostgresConnection, pairs: Mapping[Pair, DeliveryState], now: datetime
) -> list[AdvanceResult]:
    """Store all valid reports; return one result per report."""
    rows = await connection.fetch(
        _ADVANCE,
        now.replace(tzinfo=None),
        [message_id for message_id, _ in pairs],
        [user_id for _, user_id in pairs],
        list(pairs.values()),
    )
    return [_result(*row[1:]) for row in rows]


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
        return Skipped.SKIPPED if is_adopted else NoDelivery.NOT_ADOPTED
    if before is None and not is_sent:
        return NoDelivery.NOT_A_RECIPIENT
    return to_delivery(before, updated_at, author_id, author_is_member)
