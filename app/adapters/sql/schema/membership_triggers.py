"""Maintains the table ``memberships``: triggers on ``channel_members``, and repairs.

The triggers also record members that the original backend adds or removes. On PostgreSQL, the
triggers run when the transaction commits, so that a long transaction of the original backend does
not hold locks on this project's tables. They read ``last_seq`` as it is at the commit, or, if the
isolation level is REPEATABLE READ or higher, as it was at the beginning of the transaction.
"""

# ruff: noqa: S608 - every statement consists of fragments in this module

from collections.abc import Iterator

from sqlalchemy import Connection, text

# The adoption of a message adds a range for an author who is not a member. Delete such ranges when
# the author becomes a member: the trigger then adds a range for all messages that were sent while
# the author was not a member, and this range contains the deleted ranges.
_RECORD_JOIN = """
DELETE FROM delivered_ranges
WHERE channel_id = NEW."channelId" AND user_id = NEW."userId"
    AND first_seq > COALESCE((
        SELECT left_after FROM memberships
        WHERE channel_id = NEW."channelId" AND user_id = NEW."userId"
    ), 0)
    AND NOT EXISTS (
        SELECT 1 FROM memberships
        WHERE channel_id = NEW."channelId" AND user_id = NEW."userId" AND left_after IS NULL
    );
INSERT INTO delivered_ranges (channel_id, user_id, first_seq, end_seq)
SELECT sequence.channel_id, NEW."userId", COALESCE(earlier.left_after, 0) + 1, sequence.last_seq + 1
FROM channel_sequences AS sequence
LEFT JOIN memberships AS earlier
    ON earlier.channel_id = sequence.channel_id AND earlier.user_id = NEW."userId"
WHERE sequence.channel_id = NEW."channelId"
    AND sequence.last_seq > COALESCE(earlier.left_after, 0)
    AND (earlier.user_id IS NULL OR earlier.left_after IS NOT NULL);
INSERT INTO memberships (channel_id, user_id) VALUES (NEW."channelId", NEW."userId")
ON CONFLICT (channel_id, user_id) DO UPDATE SET left_after = NULL
WHERE memberships.left_after IS NOT NULL;
"""
_RECORD_LEAVE = """
UPDATE memberships
SET left_after = COALESCE(
    (SELECT last_seq FROM channel_sequences WHERE channel_id = OLD."channelId"), 0
)
WHERE channel_id = OLD."channelId" AND user_id = OLD."userId" AND left_after IS NULL;
"""

# SECURITY DEFINER and SET search_path are necessary because the original backend may use another
# database role and search path. If `prisma db push` has dropped this project's tables, the function
# does nothing, so that writes of the original backend succeed.
_POSTGRES_FUNCTION = f"""
CREATE OR REPLACE FUNCTION record_membership() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path FROM CURRENT AS $$
BEGIN
    IF to_regclass('memberships') IS NULL OR to_regclass('delivered_ranges') IS NULL
        OR to_regclass('channel_sequences') IS NULL
    THEN
        RETURN NULL;
    END IF;
    IF TG_OP <> 'INSERT' AND NOT EXISTS (
        SELECT FROM channel_members
        WHERE "channelId" = OLD."channelId" AND "userId" = OLD."userId"
    ) THEN {_RECORD_LEAVE}
    END IF;
    IF TG_OP <> 'DELETE' AND EXISTS (
        SELECT FROM channel_members
        JOIN users ON users.id = "userId" JOIN channels ON channels.id = "channelId"
        WHERE "channelId" = NEW."channelId" AND "userId" = NEW."userId"
    ) THEN {_RECORD_JOIN}
    END IF;
    RETURN NULL;
END $$
"""
_POSTGRES_TRIGGER = """
CREATE CONSTRAINT TRIGGER record_membership
AFTER INSERT OR DELETE OR UPDATE OF "channelId", "userId" ON channel_members
DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION record_membership()
"""
_POSTGRES_NAMES = text(
    """
    SELECT tgname FROM pg_trigger
    JOIN pg_proc ON pg_proc.oid = tgfoid AND proname = 'record_membership'
    WHERE tgrelid = to_regclass('channel_members') AND tgname = 'record_membership'
        AND tgenabled IN ('O', 'A') AND NOT tgisinternal
    """
)
_SQLITE_TRIGGERS = {
    "record_joined": f"AFTER INSERT ON channel_members BEGIN {_RECORD_JOIN} END",
    "record_left": f"AFTER DELETE ON channel_members BEGIN {_RECORD_LEAVE} END",
    "record_moved": (
        'AFTER UPDATE OF "channelId", "userId" ON channel_members '
        f"BEGIN {_RECORD_LEAVE} {_RECORD_JOIN} END"
    ),
}
_SQLITE_NAMES = text(
    "SELECT name FROM sqlite_master WHERE type = 'trigger' AND tbl_name = 'channel_members'"
)

# If the original backend's tables have no foreign keys, a user or channel may be missing. Each
# scalar subquery reads a single row; with EXISTS, PostgreSQL may read the whole table.
_IS_UNRECORDED = """
(SELECT id FROM users WHERE users.id = member."userId") IS NOT NULL
AND (SELECT id FROM channels WHERE channels.id = member."channelId") IS NOT NULL
AND (
    SELECT left_after IS NULL FROM memberships AS known
    WHERE known.channel_id = member."channelId" AND known.user_id = member."userId"
) IS NOT TRUE
"""
_HAS_LEFT = """
left_after IS NULL AND (
    SELECT 1 FROM channel_members AS member
    WHERE member."channelId" = memberships.channel_id AND member."userId" = memberships.user_id
) IS NULL
"""
_COUNT_UNRECORDED = text(f"SELECT count(*) FROM channel_members AS member WHERE {_IS_UNRECORDED}")
_COUNT_LEFT = text(f"SELECT count(*) FROM memberships WHERE {_HAS_LEFT}")
_RECORD_PRESENT = f"""
INSERT INTO memberships (channel_id, user_id)
SELECT member."channelId", member."userId" FROM channel_members AS member
WHERE {_IS_UNRECORDED}
ON CONFLICT (channel_id, user_id) DO UPDATE SET left_after = NULL
"""
# The first two statements remove ranges that could overlap with the ranges that the third statement
# adds. Messages that were sent while the triggers were missing count as delivered to the unrecorded
# members, because their deliveries are unknown.
_REPAIRS = (
    """
    DELETE FROM delivered_ranges WHERE (
        SELECT 1 FROM memberships
        WHERE memberships.channel_id = delivered_ranges.channel_id
            AND memberships.user_id = delivered_ranges.user_id
    ) IS NULL
    """,
    f"""
    DELETE FROM delivered_ranges WHERE first_seq > (
        SELECT earlier.left_after FROM memberships AS earlier
        JOIN channel_members AS member ON member."channelId" = earlier.channel_id
            AND member."userId" = earlier.user_id
        WHERE earlier.channel_id = delivered_ranges.channel_id
            AND earlier.user_id = delivered_ranges.user_id AND {_IS_UNRECORDED}
    )
    """,
    f"""
    INSERT INTO delivered_ranges (channel_id, user_id, first_seq, end_seq)
    SELECT sequence.channel_id, member."userId", COALESCE(earlier.left_after, 0) + 1,
        sequence.last_seq + 1
    FROM channel_members AS member
    JOIN channel_sequences AS sequence ON sequence.channel_id = member."channelId"
    LEFT JOIN memberships AS earlier
        ON earlier.channel_id = member."channelId" AND earlier.user_id = member."userId"
    WHERE sequence.last_seq > COALESCE(earlier.left_after, 0) AND {_IS_UNRECORDED}
    """,
    _RECORD_PRESENT,
    f"""
    UPDATE memberships SET left_after = COALESCE((
        SELECT last_seq FROM channel_sequences
        WHERE channel_sequences.channel_id = memberships.channel_id
    ), 0)
    WHERE {_HAS_LEFT}
    """,
)


def create_membership_triggers(connection: Connection) -> None:
    """Create or replace the triggers."""
    if connection.dialect.name == "postgresql":
        connection.exec_driver_sql(_POSTGRES_FUNCTION)
        connection.exec_driver_sql("DROP TRIGGER IF EXISTS record_membership ON channel_members")
        connection.exec_driver_sql(_POSTGRES_TRIGGER)
        return
    for name, definition in _SQLITE_TRIGGERS.items():
        connection.exec_driver_sql(f"DROP TRIGGER IF EXISTS {name}")
        connection.exec_driver_sql(f"CREATE TRIGGER {name} {definition}")


def record_present_members(connection: Connection) -> None:
    """Add the present members that are missing in ``memberships``, without adding ranges."""
    connection.exec_driver_sql(_RECORD_PRESENT)


def drop_membership_triggers(connection: Connection) -> None:
    """Drop the triggers that exist."""
    if connection.dialect.name == "postgresql":
        connection.exec_driver_sql("DROP TRIGGER IF EXISTS record_membership ON channel_members")
        connection.exec_driver_sql("DROP FUNCTION IF EXISTS record_membership()")
        return
    for name in _SQLITE_TRIGGERS:
        connection.exec_driver_sql(f"DROP TRIGGER IF EXISTS {name}")


def membership_differences(connection: Connection) -> Iterator[str]:
    """Describe missing or disabled triggers and wrong rows of ``memberships``.

    Reads all of ``channel_members`` and ``memberships``. Blocks on the database.
    """
    for name in _missing_triggers(connection):
        yield (
            f"The trigger {name} of channel_members is missing or disabled; "
            "run `python -m app migrate`."
        )
    if unrecorded := connection.execute(_COUNT_UNRECORDED).scalar_one():
        yield (
            f"{unrecorded} rows of channel_members are missing in memberships, so these members "
            "receive no undelivered messages; run `python -m app migrate`."
        )
    if left := connection.execute(_COUNT_LEFT).scalar_one():
        yield (
            f"{left} rows of memberships are of users who are not members any more; "
            "run `python -m app migrate`."
        )


def repair_memberships(connection: Connection) -> bool:
    """Fix all differences that `membership_differences` finds; return whether there were any."""
    if not any(membership_differences(connection)):
        return False
    # The lock waits for transactions that add or remove members, and blocks new ones until this
    # transaction ends.
    if connection.dialect.name == "postgresql":
        connection.exec_driver_sql("LOCK TABLE channel_members IN SHARE ROW EXCLUSIVE MODE")
    create_membership_triggers(connection)
    for statement in _REPAIRS:
        connection.exec_driver_sql(statement)
    return True


def _missing_triggers(connection: Connection) -> list[str]:
    if connection.dialect.name == "postgresql":
        needed, query = ["record_membership"], _POSTGRES_NAMES
    else:
        needed, query = list(_SQLITE_TRIGGERS), _SQLITE_NAMES
    found = set(connection.execute(query).scalars())
    return [name for name in needed if name not in found]
