"""Tests app/adapters/sql/schema/upgrade.py after `prisma db push` has dropped tables."""

from dataclasses import replace

import pytest
from sqlalchemy import Connection, text

from app.adapters.sql.connection.database import Database
from app.adapters.sql.connection.limits import DEFAULT_LIMITS
from app.adapters.sql.doctor.examine import Examination, examine_database
from app.adapters.sql.schema.shared_tables import SHARED_TABLES
from app.adapters.sql.schema.tables import metadata
from tests.contract.storage import (
    ALICE,
    BOB,
    CAROL,
    GENERAL,
    MALLORY,
    MEMBERSHIP,
    UNHURRIED,
    add,
    draft,
    opened,
    sql_storage,
)
from tests.unit.adapters.sql.schema.old_database import join, new_states, run

OUR_TABLES = metadata.tables.keys() - SHARED_TABLES
VISIBLE_INDEXES = (
    "messages_channel_idx",
    '"messages_replyToId_idx"',
    '"channel_members_userId_idx"',
)
"""The indexes of shared tables that Prisma can see, because they are not partial."""


@pytest.fixture(params=["sqlite", "postgres"])
def filled_url(request: pytest.FixtureRequest) -> str:
    url: str = request.getfixturevalue("url" if request.param == "sqlite" else "postgres_url")
    return url


async def fill(url: str) -> None:
    async with opened(Database(url, migrate=True, limits=UNHURRIED)) as database:
        storage = sql_storage(database)
        await storage.channels.seed(MEMBERSHIP)
        await add(storage, draft())


async def drop(url: str, *statements: str) -> None:
    """Drop the tables of this project, and run other statements."""

    def drop_all(connection: Connection) -> None:
        cascade = " CASCADE" if connection.dialect.name == "postgresql" else ""
        for table in reversed(metadata.sorted_tables):
            if table.name in OUR_TABLES:
                run(connection, f"DROP TABLE {table.name}{cascade}")
        for statement in statements:
            run(connection, statement)

    async with (
        opened(Database(url, migrate=False, limits=UNHURRIED)) as database,
        database.transaction() as connection,
    ):
        await connection.run_sync(drop_all)


async def assert_works(url: str) -> None:
    """Check that messages are stored and read, and that old messages count as delivered."""
    async with opened(Database(url, migrate=True, limits=UNHURRIED)) as database:
        storage = sql_storage(database)
        await add(storage, draft())
        read = await storage.messages.list_after(GENERAL, ALICE, 0, 10)
        async with database.reading() as connection:
            states = await connection.run_sync(new_states)
    found = await examine_database(url, DEFAULT_LIMITS)

    assert [1, 2] == [message.seq for message in read]
    assert {(GENERAL, 2): {BOB: "SENT", CAROL: "SENT"}} == states
    assert Examination() == replace(found, warnings=())


@pytest.mark.parametrize(
    "statements",
    [
        ("DROP TABLE alembic_version",),
        ("DROP TABLE alembic_version", *(f"DROP INDEX {name}" for name in VISIBLE_INDEXES)),
        (),
    ],
    ids=["all-tables", "tables-and-indexes", "all-but-the-revision"],
)
async def test_migrating_restores_the_tables_when_they_were_dropped(
    filled_url: str, statements: tuple[str, ...]
) -> None:
    """Partial indexes, functions and triggers of shared tables still exist."""
    await fill(filled_url)
    await drop(filled_url, *statements)

    await assert_works(filled_url)


async def test_migrating_restores_the_tables_when_they_were_dropped_twice(filled_url: str) -> None:
    await fill(filled_url)
    await drop(filled_url, "DROP TABLE alembic_version")
    async with opened(Database(filled_url, migrate=True, limits=UNHURRIED)):
        pass
    await drop(filled_url, "DROP TABLE alembic_version")

    await assert_works(filled_url)


async def test_members_change_when_our_tables_are_missing(postgres_url: str) -> None:
    """The trigger, which still exists, ignores changes until ``migrate`` has run."""
    await fill(postgres_url)
    await drop(postgres_url, "DROP TABLE alembic_version")

    def change(connection: Connection) -> None:
        join(connection, GENERAL, MALLORY)
        run(connection, 'DELETE FROM channel_members WHERE "userId" = :user', user=CAROL)

    closed = Database(postgres_url, migrate=False, limits=UNHURRIED)
    async with closed.transaction() as connection:
        await connection.run_sync(change)
    await closed.on_application_shutdown(None)
    async with (
        opened(Database(postgres_url, migrate=True, limits=UNHURRIED)) as database,
        database.reading() as connection,
    ):
        members = await connection.execute(
            text("SELECT user_id FROM memberships WHERE channel_id = 'general' ORDER BY 1")
        )
        found = list(members.scalars())

    assert [ALICE, BOB, MALLORY] == found
