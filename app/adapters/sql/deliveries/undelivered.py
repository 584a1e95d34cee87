"""Queries for a user's undelivered messages in all channels of the user.

These messages lie in the gaps between the user's delivered ranges. Each query first finds the ends
of a limited number of gaps, and then a limited number of messages in each gap. So the cost of a
query depends on these limits, and not on the numbers of messages and ranges.
"""

from sqlalchemy import BigInteger, Integer, TextualSelect, bindparam, column, text

from app.adapters.sql.schema.dialects import POSITION

# The start of a gap: the seq after all earlier ranges, but at least ``low``. The gap ends at the
# first seq of the next range. Ranges may overlap or adjoin; then the gap between them is empty.
_GAP_START = """
COALESCE(MAX(CASE WHEN end_seq > low THEN end_seq ELSE low END) OVER (
    PARTITION BY channel_id ORDER BY first_seq ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING
), low)
"""

# The queries that follow ``present`` in a WITH clause. Each row of ``present`` is a channel of the
# user, with the seq ``low`` at which the search begins. The search ends at ``horizon``, the end of
# the channel's ``size``-th gap that contains a message. If fewer gaps between ranges contain a
# message, ``horizon`` is the greatest possible seq, so the gap after the last range ends there.
#
# The query for ``horizon`` has no ORDER BY, because both databases return rows in the order of the
# window, and stop at the limit. With an ORDER BY, SQLite would sort all ranges of the channel.
_GAPS = f"""
started AS MATERIALIZED (
    SELECT channel_id, user_id, low, COALESCE(
        (
            SELECT first_seq FROM delivered_ranges
            WHERE channel_id = present.channel_id AND user_id = present.user_id
                AND first_seq <= present.low
            ORDER BY first_seq DESC LIMIT 1
        ), 0
    ) AS first_range
    FROM present WHERE low IS NOT NULL
), bounded AS MATERIALIZED (
    SELECT channel_id, user_id, low, first_range, COALESCE(
        (
            SELECT gap.end_seq FROM (
                SELECT channel_id, {_GAP_START} AS first_seq, first_seq AS end_seq
                FROM delivered_ranges
                WHERE channel_id = started.channel_id AND user_id = started.user_id
                    AND first_seq >= started.first_range
            ) AS gap
            WHERE gap.first_seq < gap.end_seq AND (
                SELECT seq FROM message_sequences
                WHERE channel_id = started.channel_id
                    AND seq >= gap.first_seq AND seq < gap.end_seq
                ORDER BY seq LIMIT 1
            ) IS NOT NULL
            LIMIT 1 OFFSET :size - 1
        ), {2**31 - 1}
    ) AS horizon
    FROM started
), ranges AS (
    SELECT channel_id, delivered.first_seq, delivered.end_seq, bounded.low
    FROM bounded JOIN delivered_ranges AS delivered USING (channel_id, user_id)
    WHERE delivered.first_seq >= bounded.first_range AND delivered.first_seq < bounded.horizon
    UNION ALL
    SELECT channel_id, horizon, horizon, low FROM bounded
), gaps AS (
    SELECT channel_id, first_seq, end_seq FROM (
        SELECT channel_id, {_GAP_START} AS first_seq, first_seq AS end_seq FROM ranges
    ) AS gap
    WHERE first_seq < end_seq
)"""  # noqa: S608 - our own statements

# The seq after the first ``size`` messages of a gap, or the end of the gap if it has fewer.
_END_OF_FIRST = """
COALESCE(
    (
        SELECT seq FROM message_sequences
        WHERE channel_id = gap.channel_id AND seq >= gap.first_seq AND seq < gap.end_seq
        ORDER BY seq LIMIT 1 OFFSET :size
    ), gap.end_seq
)
"""

_COUNT = f"""
WITH present AS MATERIALIZED (
    SELECT "channelId" AS channel_id, "userId" AS user_id, 1 AS low
    FROM channel_members WHERE "userId" = :user_id
), {_GAPS}
SELECT channel_id, COUNT(*) AS count
FROM (
    SELECT gap.channel_id
    FROM gaps AS gap JOIN message_sequences AS message ON message.channel_id = gap.channel_id
        AND message.seq >= gap.first_seq AND message.seq < {_END_OF_FIRST}
    LIMIT :in_all
) AS counted
GROUP BY channel_id
"""  # noqa: S608

# Within a channel, positions increase with seq. ``bisected`` uses bisection to find the first seq
# whose position is above ``after``. An index on (channel, position) would be faster here, but
# the planner might choose it for queries that need the index on (channel, seq).
_MIDDLE_POSITION = """
(
    SELECT position FROM message_sequences
    WHERE message_sequences.channel_id = bisected.channel_id AND seq >= (low + high) / 2
    ORDER BY seq LIMIT 1
)
"""
_PAGE = f"""
WITH RECURSIVE bisected AS (
    SELECT member."channelId" AS channel_id, member."userId" AS user_id, 1 AS low,
        CASE WHEN :after > 0 THEN sequence.last_seq + 1 ELSE 1 END AS high
    FROM channel_members AS member
    JOIN channel_sequences AS sequence ON sequence.channel_id = member."channelId"
    WHERE member."userId" = :user_id
    UNION ALL
    SELECT channel_id, user_id,
        CASE WHEN {_MIDDLE_POSITION} <= :after THEN (low + high) / 2 + 1 ELSE low END,
        CASE WHEN {_MIDDLE_POSITION} <= :after THEN high ELSE (low + high) / 2 END
    FROM bisected WHERE low < high
), present AS MATERIALIZED (
    SELECT channel_id, user_id, low FROM bisected WHERE low = high
), {_GAPS}, found AS (
    SELECT channel_id, first_seq, end_seq, (
        SELECT position FROM message_sequences
        WHERE channel_id = gaps.channel_id AND seq >= gaps.first_seq AND seq < gaps.end_seq
        ORDER BY seq LIMIT 1
    ) AS first_position
    FROM gaps
), nearest AS (
    SELECT channel_id, first_seq, end_seq FROM found
    WHERE first_position IS NOT NULL ORDER BY first_position LIMIT :size
)
SELECT message.position
FROM nearest AS gap JOIN message_sequences AS message ON message.channel_id = gap.channel_id
    AND message.seq >= gap.first_seq AND message.seq < {_END_OF_FIRST}
ORDER BY message.position LIMIT :size
"""  # noqa: S608

COUNT_UNDELIVERED = text(_COUNT).bindparams(
    bindparam("size", type_=Integer), bindparam("in_all", type_=Integer)
)
"""Counts messages by channel: at most ``in_all`` in total, and at most ``size`` in each gap.

The count of a channel may exceed ``size``. A count is exact if it is less than ``size`` and the
total is less than ``in_all``.
"""

UNDELIVERED_POSITIONS: TextualSelect = (
    text(_PAGE)
    .bindparams(bindparam("after", type_=BigInteger), bindparam("size", type_=Integer))
    .columns(column("position", POSITION))
)
"""Selects the positions, in order, of the first ``size`` messages after the position ``after``."""
