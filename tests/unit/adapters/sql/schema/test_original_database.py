"""Tests migrating a database of the original backend (app/adapters/sql/schema/upgrade.py)."""

import asyncio

import pytest

from app.adapters.sql.connection.database import Database
from app.adapters.sql.schema.shared_tables import SHARED_TABLES
from app.adapters.sql.schema.tables import metadata
from app.adapters.sql.schema.upgrade import SchemaError
from tests.contract.storage import (
    ALICE,
    BOB,
    CAROL,
    GENERAL,
    UNHURRIED,
    add,
    draft,
    opened,
    sql_storage,
)
from tests.doubles.manual_clock import DEFAULT_START as NOW
from tests.postgres_server import PostgresServer
from tests.prisma import ROWS, TABLES
from tests.unit.adapters.sql.migrations import REVISIONS

COLUMNS = """
SELECT table_name, ordinal_position, column_name, udt_name, datetime_precision, is_nullable,
       column_default
FROM information_schema.columns WHERE table_schema = 'public' ORDER BY 1, 2
"""
CONSTRAINTS = """
SELECT conrelid::regclass, conname, pg_get_constraintdef(oid)
FROM pg_constraint WHERE connamespace = 'public'::regnamespace AND contype <> 't' ORDER BY 1, 2
"""
ENUMS = """
SELECT typname, string_agg(enumlabel, ',' ORDER BY enumsortorder)
FROM pg_enum JOIN pg_type t ON t.oid = enumtypid GROUP BY 1 ORDER BY 1
"""
INDEXES = "SELECT indexname, indexdef FROM pg_indexes WHERE schemaname = 'public' ORDER BY 1"
TRIGGERS = """
SELECT tgrelid::regclass, tgname FROM pg_trigger
WHERE NOT tgisinternal AND tgname <> 'record_membership' ORDER BY 1, 2
"""
PRISMA_WRITES = """
INSERT INTO "public"."messages"
    ("id","content","channelId","userId","createdAt","updatedAt","deliveryStatus","replyToId")
VALUES ('message_004','fourth','general','user_alice','2025-01-14','2025-01-14',
    CAST('SENT'::text AS "public"."MessageDeliveryStatus"),NULL);
UPDATE "public"."messages" SET "content" = 'changed', "updatedAt" = '2025-01-14'
WHERE "userId" = 'user_bob';
DELETE FROM "public"."messages" WHERE "content" = 'first';
DELETE FROM "public"."channels" WHERE "id" = 'random';
"""
OUR_TABLES = {"alembic_version", *(metadata.tables.keys() - SHARED_TABLES)}
OUR_INDEXES = {
    "channel_members_userId_idx",
    "messages_channel_idx",
    "messages_others_idx",
    "messages_replyToId_idx",
}


@pytest.fixture
def original_url(empty_postgres_url: str, postgres_server: PostgresServer) -> str:
    """A database that Prisma created and filled."""
    postgres_server.execute(TABLES + ROWS, "empty")
    return empty_postgres_url


async def migrate(url: str) -> tuple[str, ...]:
    """Migrate a database as ``python -m app migrate`` does, and return the migrations that ran."""
    async with opened(Database(url, migrate=True, limits=UNHURRIED)) as database:
        return database.applied_migrations


async def test_the_originals_tables_stay_as_they_are_when_the_database_is_migrated(
    original_url: str, postgres_server: PostgresServer
) -> None:
    """Columns, types, defaults, keys and enums stay. Only indexes and a trigger are new."""
    queries = (COLUMNS, CONSTRAINTS, ENUMS, INDEXES, TRIGGERS)
    before = [postgres_server.execute(query, "empty") for query in queries]

    await migrate(original_url)

    after = [postgres_server.execute(query, "empty") for query in queries]
    columns, constraints = (
        [row for row in rows if row[0] not in OUR_TABLES] for rows in (after[0], after[1])
    )
    theirs = {name for (name, *_) in before[3]}
    new = {name for (name, _) in after[3] if not name.startswith(tuple(OUR_TABLES))} - theirs
    assert before[0] == columns
    assert before[1] == constraints
    assert before[2] == after[2]
    assert before[4] == after[4]
    assert OUR_INDEXES == new
    assert all(row in after[3] for row in before[3])


async def test_history_gets_its_numbers_when_the_database_is_migrated(original_url: str) -> None:
    """Old messages get a ``seq`` by date and count as delivered; new messages follow them."""
    await migrate(original_url)

    async with opened(Database(original_url, migrate=False, limits=UNHURRIED)) as database:
        storage = sql_storage(database)
        read = await storage.messages.list_after(GENERAL, ALICE, 0, 10)
        counts = (await storage.deliveries.undelivered_counts(BOB)).channels
        following = await add(storage, draft(), NOW)

    assert [(1, "first"), (2, "second")] == [(each.seq, each.content) for each in read]
    assert "2025-01-13T10:00:00.123000+00:00" == read[0].created_at.isoformat()
    assert {} == counts
    assert 3 == following.seq


async def test_members_stay_when_the_database_is_migrated(original_url: str) -> None:
    await migrate(original_url)

    async with opened(Database(original_url, migrate=False, limits=UNHURRIED)) as database:
        channels = [
            await sql_storage(database).channels.channels_of(user) for user in (ALICE, BOB, CAROL)
        ]

    assert [("general",), ("general", "random"), ()] == channels


async def test_prisma_goes_on_writing_when_the_database_is_migrated(
    original_url: str, postgres_server: PostgresServer
) -> None:
    """Prisma's statements succeed on the migrated tables."""
    await migrate(original_url)

    postgres_server.execute(PRISMA_WRITES, "empty")

    left = postgres_server.execute('SELECT content, "replyToId" FROM messages ORDER BY 1', "empty")
    assert [["changed", ""], ["fourth", ""]] == left


async def test_migrating_does_it_once_when_two_processes_do_it_at_the_same_time(
    original_url: str,
) -> None:
    """One of three processes runs all migrations that the original database lacks."""
    first, second, third = await asyncio.gather(*(migrate(original_url) for _ in range(3)))

    assert [0, 0, len(REVISIONS) - 1] == sorted(map(len, (first, second, third)))


async def test_migrating_goes_on_when_an_index_of_ours_is_there_already(
    original_url: str, postgres_server: PostgresServer
) -> None:
    """An operator may have created the two indexes that the original backend lacks."""
    postgres_server.execute(
        'CREATE INDEX "messages_replyToId_idx" ON messages ("replyToId");'
        'CREATE INDEX "channel_members_userId_idx" ON channel_members ("userId")',
        "empty",
    )

    await migrate(original_url)


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        ("ALTER TABLE messages DROP content", r"The column messages\.content is missing\."),
        ("DROP TABLE read_receipts", r"The table read_receipts is missing\."),
        ("ALTER TABLE messages ALTER content TYPE varchar(255)", r"content is VARCHAR\(255\), but"),
    ],
)
async def test_migrating_refuses_when_the_tables_are_not_the_originals(
    original_url: str, postgres_server: PostgresServer, change: str, sentence: str
) -> None:
    """The error names the difference, and the database stays unchanged."""
    postgres_server.execute(change, "empty")
    before = postgres_server.execute(COLUMNS, "empty")

    with pytest.raises(SchemaError, match=sentence):
        await migrate(original_url)

    assert before == postgres_server.execute(COLUMNS, "empty")
