"""Finds rows of the original backend's tables that contradict this server's tables.

The original backend may change messages that already have a sequence number, and may choose any
ids. Running servers do not detect such rows. `app.adapters.sql.doctor.message_repairs` repairs most
of these problems.
"""

# ruff: noqa: S608 - every statement consists of fragments in this package

from collections.abc import Iterator, Sequence
from itertools import islice
from typing import Final

from sqlalchemy import Connection, text

from app.adapters.sql.schema.tables import OTHERS
from app.domain.ids import checked_id

STATEMENT_SECONDS: Final = 120.0
"""The time limit for a statement that reads or changes all messages."""
_MAX_COUNT: Final = 1_000
_MAX_READ_RECEIPTS: Final = 200_000
"""The maximum number of read receipts that `message_warnings` reads, newest messages first."""

MISPLACED = """
SELECT message.id FROM message_sequences AS sequence
JOIN messages AS message ON message.id = sequence.message_id
JOIN channels AS channel ON channel.id = message."channelId"
JOIN users AS author ON author.id = message."userId"
LEFT JOIN channels AS former ON former.id = sequence.channel_id
WHERE sequence.channel_id <> message."channelId"
"""
"""Selects the messages that have a sequence number of another channel."""
_MOVED = f"{MISPLACED} AND former.id IS NOT NULL"
_OF_CHANGED_CHANNELS = f"{MISPLACED} AND former.id IS NULL"

NEVER_ADOPTED = f"""
SELECT message.id FROM messages AS message
JOIN channels AS channel ON channel.id = message."channelId"
JOIN users AS author ON author.id = message."userId"
LEFT JOIN message_sequences AS sequence ON sequence.message_id = message.id
WHERE sequence.position IS NULL AND NOT {OTHERS.text.replace("(id", "(message.id")}
"""
"""Selects the messages without a sequence number whose ids look like those of this server."""

# The condition for a read receipt of a present member for whom the message is SENT or DELIVERED in
# this server's tables. If the message is in a member's delivered ranges, but the member has no row
# in ``message_receipts``, the member is not a recipient: the message was sent while the user was
# not in the channel.
_IS_UNCOUNTED = """
"userId" <> "authorId" AND (
    SELECT 1 FROM channel_members AS member
    WHERE member."channelId" = receipt.channel_id AND member."userId" = receipt."userId"
) IS NOT NULL
AND COALESCE((
    SELECT status FROM message_receipts AS known
    WHERE known.position = receipt.position AND known.recipient_id = receipt."userId"
), CASE WHEN (
    SELECT end_seq FROM delivered_ranges AS range
    WHERE range.channel_id = receipt.channel_id AND range.user_id = receipt."userId"
        AND first_seq <= receipt.seq
    ORDER BY first_seq DESC LIMIT 1
) > seq THEN 'NONE' ELSE 'SENT' END) IN ('SENT', 'DELIVERED')
"""
_READ_RECEIPTS = """
SELECT sequence.message_id, sequence.channel_id, sequence.position, sequence.seq,
    message."userId" AS "authorId", receipt."userId", receipt."readAt"
FROM message_sequences AS sequence
JOIN messages AS message
    ON message.id = sequence.message_id AND message."channelId" = sequence.channel_id
JOIN read_receipts AS receipt ON receipt."messageId" = sequence.message_id
"""
UNCOUNTED_READS = f"""
SELECT message_id, "userId", "readAt" FROM (
    {_READ_RECEIPTS} WHERE sequence.position > :after AND sequence.position <= :until
) AS receipt
WHERE {_IS_UNCOUNTED}
"""
"""Selects the read receipts that match `_IS_UNCOUNTED`, of messages in a range of positions."""
_NEWEST_UNCOUNTED = f"""
SELECT message_id FROM (
    {_READ_RECEIPTS} ORDER BY sequence.position DESC LIMIT {_MAX_READ_RECEIPTS}
) AS receipt
WHERE {_IS_UNCOUNTED}
"""

_UNUSUAL_IDS = {
    "postgresql": """SELECT id FROM {} WHERE length(id) > 191 OR id COLLATE "C" !~ '^[ -~]+$'""",
    "sqlite": "SELECT id FROM {} WHERE length(id) > 191 OR id = '' OR id GLOB '*[^ -~]*'",
}
"""Queries for all invalid ids.

They also find valid ids that contain non-ASCII characters, which `_is_invalid` then excludes.
"""

_SENTENCES = {
    _MOVED: "Messages that were moved to another channel keep their numbers in the old channel",
    _OF_CHANGED_CHANNELS: "Messages of channels whose ids have changed are not in any history",
    _NEWEST_UNCOUNTED: (
        "Read receipts that the original backend stored after this server had numbered the message "
        "are not counted here (by message)"
    ),
    NEVER_ADOPTED: (
        "Messages of the original backend whose ids look like those of this server are not adopted"
    ),
}


def message_warnings(connection: Connection) -> Iterator[str]:
    """Return one sentence for each kind of problem, with an example. Blocks the thread.

    Reads all messages, which takes up to ten seconds per million.
    """
    use_whole_tables(connection)
    for query, sentence in _SENTENCES.items():
        found = connection.execute(text(f"{query} LIMIT {_MAX_COUNT + 1}")).scalars().all()
        if found:
            yield (
                f"{sentence}: {_counted(found)}, such as {found[0]!r}; run `python -m app migrate`."
            )
    for table in ("users", "channels", "messages"):
        ids = connection.execute(text(_UNUSUAL_IDS[connection.dialect.name].format(table)))
        invalid = list(islice(filter(_is_invalid, ids.scalars()), _MAX_COUNT + 1))
        if invalid:
            yield (
                f"Clients cannot name {table} whose ids are empty, longer than 191 characters or "
                f"not printable: {_counted(invalid)}, such as {invalid[0][:200]!r}; change the ids."
            )


def use_whole_tables(connection: Connection) -> None:
    """Allow plans that read whole tables, until the end of this transaction.

    `app.adapters.sql.connection.postgres` disables such plans in all sessions of this server.
    """
    if connection.dialect.name == "postgresql":
        for method in ("hashjoin", "mergejoin", "seqscan"):
            connection.exec_driver_sql(f"SET LOCAL enable_{method} = on")


def _counted(found: Sequence[str]) -> str:
    return f"more than {_MAX_COUNT:,}" if len(found) > _MAX_COUNT else f"{len(found):,}"


def _is_invalid(found: str) -> bool:
    try:
        checked_id(found)
    except ValueError:
        return True
    return False
