import asyncio
import sqlite3
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import pytest

from app.adapters.sql.connection.database import Database
from app.adapters.sql.connection.limits import DEFAULT_LIMITS
from app.adapters.sql.connection.opening import DatabaseOpenError
from app.adapters.sql.doctor.examine import Examination, examine_database
from tests.contract.storage import MEMBERSHIP, UNHURRIED, add, draft, opened, sql_storage
from tests.deadlines import ANSWER_SECONDS
from tests.postgres_server import FSYNC_WARNING, PostgresServer
from tests.prisma import ROWS, TABLES
from tests.unit.adapters.sql.migrations import HEAD

WELL = Examination()
WELL_BUT_FOR_FSYNC = Examination(warnings=(FSYNC_WARNING,))
PRISMAS_MESSAGE = """
INSERT INTO "messages" ("id","content","channelId","userId","createdAt","updatedAt")
VALUES ('message_004','fourth','general','user_alice','2025-01-14','2025-01-14')
"""
USER = """
CREATE ROLE {0} LOGIN;
GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA public TO {0};
GRANT USAGE ON ALL SEQUENCES IN SCHEMA public TO {0};
"""


ANOTHER_INDEX_OF_OTHERS = (
    (
        "DROP INDEX messages_others_idx;"
        """CREATE INDEX messages_others_idx ON messages ("createdAt") WHERE length(id) <> 36"""
    ),
    "The index messages_others_idx of messages is missing or different.",
)
"""SQL that replaces an index by a different one, and the difference that the doctor reports."""


async def examined(url: str) -> Examination:
    """Return the doctor's findings, with a server's default limits."""
    return await examine_database(url, DEFAULT_LIMITS)


async def start(url: str, *, migrate: bool = False) -> None:
    """Open a database as a server does, and close it."""
    async with opened(Database(url, migrate=migrate, limits=UNHURRIED)):
        pass


async def migrate(url: str) -> None:
    """Migrate a database as ``python -m app migrate`` does."""
    await start(url, migrate=True)


async def test_postgres_is_well_when_it_is_migrated(postgres_url: str) -> None:
    assert WELL_BUT_FOR_FSYNC == await examined(postgres_url)


async def test_sqlite_is_well_when_it_is_migrated(url: str) -> None:
    await migrate(url)

    assert WELL == await examined(url)


async def test_the_originals_own_things_are_no_differences_when_it_was_migrated(
    empty_postgres_url: str, postgres_server: PostgresServer
) -> None:
    """The doctor ignores other tables, new columns, and an administrator's index and constraint."""
    postgres_server.execute(TABLES + ROWS, "empty")
    await migrate(empty_postgres_url)
    postgres_server.execute(
        "ALTER TABLE users ADD nickname text, ADD karma int NOT NULL DEFAULT 0;"
        "CREATE INDEX theirs ON messages (content);"
        "ALTER TABLE users ADD CONSTRAINT email_once UNIQUE (email)",
        "empty",
    )

    assert WELL_BUT_FOR_FSYNC == await examined(empty_postgres_url)


async def test_messages_are_counted_when_they_wait_to_be_taken_in(
    empty_postgres_url: str, postgres_server: PostgresServer
) -> None:
    """The count is no warning, because a running server adopts these messages."""
    postgres_server.execute(TABLES + ROWS, "empty")
    await migrate(empty_postgres_url)
    postgres_server.execute(PRISMAS_MESSAGE, "empty")

    assert replace(WELL_BUT_FOR_FSYNC, waiting=1) == await examined(empty_postgres_url)


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        (
            "UPDATE alembic_version SET version_num = '9999'",
            (
                "The database has revision 9999, which this version does not know; "
                "start the newer version that migrated it."
            ),
        ),
        (
            "DROP TABLE client_messages",
            "The table client_messages is missing.",
        ),
        (
            "ALTER TABLE messages DROP content",
            "The column messages.content is missing.",
        ),
        (
            "ALTER TABLE messages ADD must text NOT NULL",
            (
                "The column messages.must must not be NULL and has no default value, "
                "and this server does not write it."
            ),
        ),
        (
            "ALTER TABLE messages ALTER content TYPE varchar(10)",
            "The column messages.content is VARCHAR(10), but must be TEXT.",
        ),
        (
            'ALTER TABLE messages ALTER "updatedAt" TYPE timestamptz',
            (
                "The column messages.updatedAt is TIMESTAMP WITH TIME ZONE, "
                "but must be TIMESTAMP(3) WITHOUT TIME ZONE."
            ),
        ),
        (
            'ALTER TABLE channels ALTER "createdAt" TYPE timestamp(0)',
            (
                "The column channels.createdAt is TIMESTAMP(0) WITHOUT TIME ZONE, "
                "but must be TIMESTAMP(3) WITHOUT TIME ZONE."
            ),
        ),
        (
            "ALTER TABLE channel_members ALTER role DROP DEFAULT, ALTER role TYPE text",
            'The column channel_members.role is TEXT, but must be "MemberRole".',
        ),
        (
            "ALTER TABLE channel_members ALTER unread_count DROP DEFAULT",
            (
                "The column channel_members.unread_count must not be NULL and has no default "
                "value, and this server does not write it."
            ),
        ),
        (
            "ALTER TABLE read_receipts DROP CONSTRAINT read_receipts_pkey",
            "The table read_receipts has no primary key (messageId, userId).",
        ),
        (
            "ALTER TABLE client_messages DROP CONSTRAINT client_messages_pkey",
            "The primary key of client_messages is (), but must be (user_id, client_message_id).",
        ),
        (
            "ALTER TABLE client_messages DROP CONSTRAINT client_messages_user_id_fkey",
            (
                "The foreign key of client_messages (user_id) to users.id is missing, or is not "
                "ON DELETE CASCADE ON UPDATE CASCADE."
            ),
        ),
        (
            "ALTER TABLE message_sequences DROP CONSTRAINT message_sequences_message_id_key",
            "The table message_sequences has no unique key (message_id).",
        ),
        (
            """ALTER TYPE "MemberRole" RENAME VALUE 'OWNER' TO 'X'""",
            "The type MemberRole has no value OWNER.",
        ),
        (
            "DROP INDEX messages_others_idx",
            "The index messages_others_idx of messages is missing or different.",
        ),
        (
            (
                "DROP INDEX messages_others_idx;"
                """CREATE INDEX messages_others_idx ON messages ("createdAt")"""
            ),
            "The index messages_others_idx of messages is missing or different.",
        ),
        ANOTHER_INDEX_OF_OTHERS,
        (
            (
                "DROP INDEX messages_channel_idx;"
                """CREATE INDEX messages_channel_idx ON messages ("channelId") WHERE id > 'm'"""
            ),
            "The index messages_channel_idx of messages is missing or different.",
        ),
        (
            (
                "UPDATE pg_index SET indisvalid = false"
                " WHERE indexrelid = 'messages_others_idx'::regclass"
            ),
            "The index messages_others_idx of messages is invalid; REINDEX it.",
        ),
        (
            "ALTER TABLE message_sequences ALTER position DROP DEFAULT",
            (
                "The column message_sequences.position has no sequence: its default must be the "
                "nextval of one."
            ),
        ),
        (
            "DROP SEQUENCE revocations_position_seq CASCADE",
            (
                "The column revocations.position has no sequence: its default must be the "
                "nextval of one."
            ),
        ),
        (
            "ALTER DATABASE chat SET default_transaction_read_only = on",
            "Transactions are read-only; turn default_transaction_read_only off.",
        ),
    ],
)
async def test_a_difference_is_named_when_postgres_has_it(
    postgres_url: str, postgres_server: PostgresServer, change: str, sentence: str
) -> None:
    postgres_server.execute(change, "chat")

    found = await examined(postgres_url)

    assert (sentence,) == found.differences


async def test_a_position_is_named_when_it_is_missing_with_its_key_and_counter(
    postgres_url: str, postgres_server: PostgresServer
) -> None:
    """The doctor does not also report the missing default of a missing column."""
    postgres_server.execute("ALTER TABLE revocations DROP position", "chat")

    found = await examined(postgres_url)

    assert (
        "The column revocations.position is missing.",
        "The primary key of revocations is (), but must be (position).",
    ) == found.differences


async def test_a_position_is_no_difference_when_it_is_an_identity(
    postgres_url: str, postgres_server: PostgresServer
) -> None:
    """An identity column generates positions just as a sequence does."""
    postgres_server.execute(
        "ALTER TABLE message_sequences ALTER position DROP DEFAULT,"
        " ALTER position ADD GENERATED BY DEFAULT AS IDENTITY",
        "chat",
    )

    assert WELL_BUT_FOR_FSYNC == await examined(postgres_url)


async def test_a_warning_is_given_when_a_table_is_not_logged(
    postgres_url: str, postgres_server: PostgresServer
) -> None:
    """An UNLOGGED table is only a warning, because nothing is lost while PostgreSQL runs."""
    postgres_server.execute("ALTER TABLE client_messages SET UNLOGGED", "chat")

    found = await examined(postgres_url)

    sentence = (
        "The table client_messages is UNLOGGED: all its rows are lost if the server fails; "
        "run ALTER TABLE client_messages SET LOGGED."
    )
    assert Examination(warnings=(FSYNC_WARNING, sentence)) == found


async def test_a_warning_is_given_when_pages_may_be_torn(
    postgres_url: str, postgres_server: PostgresServer
) -> None:
    """Turning ``full_page_writes`` off is safe only on certain file systems."""
    change = "ALTER SYSTEM SET full_page_writes = {};"
    reload = "SELECT pg_reload_conf()"
    postgres_server.execute(change.format("off"))
    postgres_server.execute(reload)

    try:
        found = await examined(postgres_url)
    finally:
        postgres_server.execute(change.format("on"))
        postgres_server.execute(reload)

    sentence = FSYNC_WARNING.replace("fsync", "full_page_writes")
    assert Examination(warnings=(FSYNC_WARNING, sentence)) == found


async def test_starting_says_so_when_the_databases_encoding_lacks_characters(
    postgres_server: PostgresServer,
) -> None:
    """A database whose encoding lacks characters could not store a message with an emoji."""
    postgres_server.execute("CREATE DATABASE latin ENCODING 'LATIN1' LOCALE 'C' TEMPLATE template0")
    url = postgres_server.url("latin")
    sentence = (
        "The database has the encoding LATIN1, which cannot store emoji; "
        "move its tables to a database created WITH ENCODING 'UTF8'."
    )

    try:
        found = await examined(url)
        with pytest.raises(DatabaseOpenError) as refused:
            await migrate(url)
    finally:
        postgres_server.drop_database("latin")

    assert sentence == found.differences[0]
    assert str(refused.value).startswith(sentence)


async def test_nothing_but_the_revision_is_named_when_the_database_is_empty(
    empty_postgres_url: str,
) -> None:
    """The doctor does not list every missing table of an empty database."""
    found = await examined(empty_postgres_url)

    assert ("The database is not up to date; run `python -m app migrate` first.",) == (
        found.differences
    )


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        (
            "REVOKE SELECT ON alembic_version FROM chatter",
            "This user lacks SELECT on alembic_version; grant it.",
        ),
        (
            "REVOKE INSERT, DELETE ON messages FROM chatter",
            "This user lacks INSERT, DELETE on messages; grant it.",
        ),
        (
            "REVOKE USAGE ON SEQUENCE revocations_position_seq FROM chatter",
            "This user lacks USAGE on the sequence revocations_position_seq; grant it.",
        ),
    ],
)
async def test_privileges_are_named_when_the_user_lacks_them(
    postgres_url: str, postgres_server: PostgresServer, change: str, sentence: str
) -> None:
    """The doctor checks the privileges to read, to write and to use sequences."""
    postgres_server.execute(USER.format("chatter") + change, "chat")

    chatters_url = postgres_url.replace("postgres:", "chatter:")
    try:
        found = await examined(chatters_url)
        with pytest.raises(DatabaseOpenError) as refused:
            await start(chatters_url)
    finally:
        postgres_server.execute("DROP OWNED BY chatter; DROP ROLE chatter", "chat")

    assert (sentence,) == found.differences
    assert f"{sentence} `python -m app doctor` lists all problems." == str(refused.value)


async def test_a_server_starts_when_its_user_may_do_what_a_server_does(
    postgres_url: str, postgres_server: PostgresServer
) -> None:
    """The server needs no privilege to insert or delete users."""
    change = "REVOKE INSERT, DELETE ON users FROM chatter"
    postgres_server.execute(USER.format("chatter") + change, "chat")
    chatters_url = postgres_url.replace("postgres:", "chatter:")

    try:
        found = await examined(chatters_url)
        await start(chatters_url)
    finally:
        postgres_server.execute("DROP OWNED BY chatter; DROP ROLE chatter", "chat")

    assert WELL_BUT_FOR_FSYNC == found


async def test_starting_says_so_when_the_database_is_read_only(
    postgres_url: str, postgres_server: PostgresServer
) -> None:
    """A server on a read-only database does not start, so that it admits no clients."""
    postgres_server.execute("ALTER DATABASE chat SET default_transaction_read_only = on")

    with pytest.raises(DatabaseOpenError, match="Transactions are read-only"):
        await start(postgres_url)


@pytest.mark.parametrize("migrate", [True, False])
async def test_the_schema_is_named_when_there_is_none_of_that_name(
    postgres_url: str, *, migrate: bool
) -> None:
    """A misspelt schema does not lead to tables in another schema."""
    url = f"{postgres_url}?schema=chatt"

    found = await examined(url)
    with pytest.raises(DatabaseOpenError, match="The schema in DATABASE_URL does not exist"):
        await start(url, migrate=migrate)

    assert "The schema in DATABASE_URL does not exist" in found.differences[0]


async def test_examining_says_so_when_the_server_cannot_be_reached(
    postgres_url: str, postgres_server: PostgresServer
) -> None:
    """The error omits the URL, because it contains a password."""
    postgres_server.stop()
    try:
        with pytest.raises(DatabaseOpenError, match="cannot be reached") as caught:
            await examined(postgres_url)
    finally:
        postgres_server.start_again()

    assert "secret" not in str(caught.value)


async def test_no_file_is_made_when_there_is_none(url: str, file: Path) -> None:
    found = await examined(url)

    assert (f"There is no file {file}; run `python -m app migrate`.",) == found.differences
    assert not await asyncio.to_thread(file.exists)


MISSING_TRIGGER = (
    "The trigger {} of channel_members is missing or disabled; run `python -m app migrate`."
)
NOT_RECORDED = (
    "1 rows of channel_members are missing in memberships, so these members receive no undelivered "
    "messages; run `python -m app migrate`."
)
STILL_RECORDED = (
    "1 rows of memberships are of users who are not members any more; run `python -m app migrate`."
)


@pytest.fixture(params=["sqlite", "postgres"])
def migrated_url(request: pytest.FixtureRequest) -> str:
    """A migrated database with the members of the contract tests."""
    url: str = request.getfixturevalue("url" if request.param == "sqlite" else "postgres_url")
    return url


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        ("DELETE FROM memberships WHERE user_id = 'user_carol'", NOT_RECORDED),
        (
            "UPDATE memberships SET left_after = 0 WHERE user_id = 'user_carol'",
            NOT_RECORDED,
        ),
        (
            "INSERT INTO memberships (channel_id, user_id) VALUES ('general', 'user_mallory')",
            STILL_RECORDED,
        ),
    ],
)
async def test_wrong_memberships_are_named_until_the_database_is_migrated(
    migrated_url: str, change: str, sentence: str
) -> None:
    """``migrate`` corrects ``memberships``, and then the doctor reports no difference.

    A member who was missing in ``memberships`` receives only messages that are sent afterwards.
    """
    async with opened(Database(migrated_url, migrate=True, limits=UNHURRIED)) as database:
        storage = sql_storage(database)
        await storage.channels.seed(MEMBERSHIP)
        await add(storage, draft())
        async with database.transaction() as connection:
            await connection.exec_driver_sql(change)

    found = (await examined(migrated_url)).differences
    async with opened(Database(migrated_url, migrate=True, limits=UNHURRIED)) as database:
        await add(sql_storage(database), draft())
        async with database.reading() as connection:
            ranges = await connection.exec_driver_sql(
                "SELECT first_seq, end_seq FROM delivered_ranges WHERE user_id = 'user_carol'"
            )
            of_carol = [tuple(row) for row in ranges]

    assert (sentence,) == found
    assert () == (await examined(migrated_url)).differences
    assert ([(1, 2)] if sentence is NOT_RECORDED else []) == of_carol


@pytest.mark.parametrize(
    ("change", "name"),
    [
        ("DROP TRIGGER record_membership ON channel_members", "record_membership"),
        ("DROP FUNCTION record_membership CASCADE", "record_membership"),
        ("ALTER TABLE channel_members DISABLE TRIGGER record_membership", "record_membership"),
    ],
)
async def test_a_missing_trigger_is_named_when_postgres_lacks_it(
    postgres_url: str, postgres_server: PostgresServer, change: str, name: str
) -> None:
    postgres_server.execute(change, "chat")

    found = await examined(postgres_url)
    await migrate(postgres_url)

    assert (MISSING_TRIGGER.format(name),) == found.differences
    assert WELL_BUT_FOR_FSYNC == await examined(postgres_url)


@pytest.mark.parametrize("name", ["record_joined", "record_left", "record_moved"])
async def test_a_missing_trigger_is_named_when_sqlite_lacks_it(
    url: str, file: Path, name: str
) -> None:
    await migrate(url)
    with closing(sqlite3.connect(file)) as connection, connection:
        connection.execute(f"DROP TRIGGER {name}")

    found = await examined(url)
    await migrate(url)

    assert (MISSING_TRIGGER.format(name),) == found.differences
    assert WELL == await examined(url)


async def test_an_index_is_created_when_the_database_is_migrated_again(
    url: str, file: Path
) -> None:
    await migrate(url)
    with closing(sqlite3.connect(file)) as connection, connection:
        connection.execute("DROP INDEX messages_others_idx")

    await migrate(url)

    assert WELL == await examined(url)


async def test_the_old_table_may_be_dropped_when_it_is_converted(url: str, file: Path) -> None:
    """The doctor warns that the old table is not needed, and accepts that it is missing."""
    await migrate(url)
    with closing(sqlite3.connect(file)) as connection, connection:
        connection.execute("CREATE TABLE message_deliveries (message_id TEXT)")

    found = await examined(url)
    with closing(sqlite3.connect(file)) as connection, connection:
        connection.execute("DROP TABLE message_deliveries")

    assert (
        Examination(
            warnings=(
                (
                    "The table message_deliveries is not used any more; when no server of the "
                    "previous version runs, drop it: DROP TABLE message_deliveries."
                ),
            )
        )
        == found
    )
    assert WELL == await examined(url)


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        (
            "PRAGMA journal_mode = DELETE",
            "The file has journal mode delete, not wal; start the server, which sets it.",
        ),
        ("DROP TABLE revocations", "The table revocations is missing."),
        (
            "INSERT INTO alembic_version VALUES ('0001')",
            (
                f"The table alembic_version has several revisions (0001, {HEAD}), but must have "
                "one; delete the rows that do not belong to this database."
            ),
        ),
        ANOTHER_INDEX_OF_OTHERS,
        (
            "DROP INDEX messages_others_idx",
            "The index messages_others_idx of messages is missing or different.",
        ),
    ],
)
async def test_a_difference_is_named_when_sqlite_has_it(
    url: str, file: Path, change: str, sentence: str
) -> None:
    await migrate(url)
    with closing(sqlite3.connect(file)) as connection, connection:
        connection.executescript(change)

    found = await examined(url)

    assert sentence in found.differences


async def test_examining_says_so_when_sqlites_file_cannot_be_written(url: str, file: Path) -> None:
    """The doctor reports that another program has locked the file."""
    await migrate(url)
    with closing(sqlite3.connect(file, isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")

        with pytest.raises(DatabaseOpenError, match="is locked by another program"):
            await asyncio.wait_for(examined(url), timeout=ANSWER_SECONDS)
