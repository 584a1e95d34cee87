"""The most frequent queries, which the drivers run without SQLAlchemy.

SQLAlchemy would take longer than the database itself; see docs/decisions/0029-one-statement.md.
"""

from typing import Final

from app.adapters.sql.connection.engines import Query

CHANNELS_OF: Final = Query(
    on_postgres="""SELECT "channelId" FROM channel_members WHERE "userId" = $1""",
    on_sqlite="""SELECT "channelId" FROM channel_members WHERE "userId" = ?""",
)
"""Selects the channels of a user."""

IS_MEMBER: Final = Query(
    on_postgres="""SELECT 1 FROM channel_members WHERE "channelId" = $1 AND "userId" = $2""",
    on_sqlite="""SELECT 1 FROM channel_members WHERE "channelId" = ? AND "userId" = ?""",
)
"""Selects a row if a user is a member of a channel."""

MEMBERS: Final = Query(
    on_postgres="""
    SELECT id, (
        SELECT COALESCE(json_agg("userId"), '[]')::text
        FROM channel_members WHERE "channelId" = id
    ) FROM unnest($1::text[]) AS id
    """,
    on_sqlite="""
    SELECT value, (
        SELECT json_group_array("userId") FROM channel_members WHERE "channelId" = value
    ) FROM json_each(?)
    """,
)
"""Selects the members of each channel in a list, as JSON.

For a channel with thousands of members, one text is faster than one row for each member.
"""

LAST_SEQS: Final = Query(
    on_postgres="SELECT channel_id, last_seq FROM channel_sequences WHERE channel_id = ANY($1)",
    on_sqlite="""
    SELECT channel_id, last_seq FROM channel_sequences
    WHERE channel_id IN (SELECT value FROM json_each(?))
    """,
)
"""Selects the last ``seq`` of each channel in a list, unless the channel has none."""

REVOCATIONS: Final = Query(
    on_postgres="""
    SELECT 1 FROM (
        SELECT 'token' AS kind, $1 AS subject
        UNION ALL SELECT 'user', $2
        UNION ALL SELECT 'session', $3
    ) AS credential JOIN revocations USING (kind, subject)
    WHERE expires_at >= to_timestamp($4) AT TIME ZONE 'UTC'
        AND (kind <> 'user' OR issued_until IS NULL OR issued_until >= $5)
    """,
    on_sqlite="""
    SELECT 1 FROM (
        SELECT 'token' AS kind, ? AS subject
        UNION ALL SELECT 'user', ?
        UNION ALL SELECT 'session', ?
    ) AS credential JOIN revocations USING (kind, subject)
    WHERE expires_at >= strftime('%Y-%m-%d %H:%M:%f', ?, 'unixepoch')
        AND (kind <> 'user' OR issued_until IS NULL OR issued_until >= ?)
    """,
)
"""Selects a row if a credential is revoked.

The parameters are the digest of the token, the user, the sign-in or None, the current time, and the
time at which the token was issued. The times are in seconds since the epoch.
"""
