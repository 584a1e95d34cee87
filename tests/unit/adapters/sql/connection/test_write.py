"""Tests failures of `Database.write` (app/adapters/sql/connection/database.py)."""

import asyncio
import sqlite3
from collections.abc import AsyncIterator
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from time import monotonic

import pytest

from app.adapters.sql.connection.database import Database
from app.adapters.sql.connection.engines import PostgresConnection, Write
from app.adapters.sql.connection.limits import DatabaseLimits
from app.domain.errors import StorageRejected, Unavailable, Unconfirmed
from tests.contract.storage import (
    ALICE,
    GENERAL,
    UNHURRIED,
    Storage,
    add,
    draft,
    opened,
    sql_storage,
)
from tests.deadlines import ANSWER_SECONDS
from tests.doubles.manual_clock import DEFAULT_START as NOW
from tests.postgres_server import PostgresServer
from tests.unit.adapters.sql.blocked_backends import LOCK, held_lock, wait_for_row
from tests.unit.adapters.sql.insisting import insist

ADD_USER = """
INSERT INTO users (id, "updatedAt") VALUES ($1, CURRENT_TIMESTAMP) RETURNING id
"""
ADD_USER_AND_WAIT = f"""
WITH added AS (
    INSERT INTO users (id, "updatedAt") VALUES ($1, CURRENT_TIMESTAMP) RETURNING id
) SELECT id, {LOCK} FROM added
"""  # noqa: S608 - our own statements
SETTINGS = """
SELECT current_setting('statement_timeout'), current_setting('lock_timeout'),
    current_setting('plan_cache_mode'), pg_current_xact_id_if_assigned() IS NULL
"""
WAITING = """
SELECT pid FROM pg_stat_activity WHERE datname = 'chat' AND wait_event = 'advisory'
"""
KILL = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE wait_event = 'advisory'"
COUNT = "SELECT count(*) FROM users"
ONE_WRITER = DatabaseLimits(
    pool_size=2,
    pool_timeout_seconds=ANSWER_SECONDS,
    statement_timeout_seconds=ANSWER_SECONDS,
    lock_timeout_seconds=ANSWER_SECONDS,
    answer_seconds=ANSWER_SECONDS,
)
"""Limits with one writer, so that a broken connection in the pool would break the next write."""
LIMITS = DatabaseLimits(pool_size=2, statement_timeout_seconds=1.25, lock_timeout_seconds=0.75)


@dataclass(frozen=True, slots=True)
class Statement(Write[list[tuple[object, ...]]]):
    """Runs a statement of PostgreSQL."""

    sql: str
    parameters: tuple[object, ...] = ()

    def on_sqlite(self, connection: sqlite3.Connection) -> list[tuple[object, ...]]:
        return connection.execute(self.sql, self.parameters).fetchall()

    async def on_postgres(self, connection: PostgresConnection) -> list[tuple[object, ...]]:
        return [tuple(row) for row in await connection.fetch(self.sql, *self.parameters)]


@pytest.fixture
async def postgres(postgres_url: str) -> AsyncIterator[Database]:
    """An open, migrated PostgreSQL database with the limits `ONE_WRITER`."""
    async with opened(Database(postgres_url, migrate=False, limits=ONE_WRITER)) as database:
        yield database


async def test_a_write_is_unconfirmed_when_its_backend_is_killed(
    postgres: Database, postgres_server: PostgresServer, postgres_url: str
) -> None:
    """The statement may be committed although the connection is lost. The next write reconnects."""
    async with held_lock(postgres_url):
        writing = asyncio.create_task(postgres.write(Statement(ADD_USER_AND_WAIT, (ALICE,))))
        await wait_for_row(postgres_server, WAITING)

        postgres_server.execute(KILL)

        with pytest.raises(Unconfirmed):
            await writing
    assert [(ALICE,)] == await insist(lambda: postgres.write(Statement(ADD_USER, (ALICE,))))


async def test_the_connection_stays_when_a_constraint_is_violated(
    postgres: Database, postgres_server: PostgresServer
) -> None:
    """The statement is rolled back, and the session runs the next one."""
    backend = Statement("SELECT pg_backend_pid()")
    before = await postgres.write(backend)
    await postgres.write(Statement(ADD_USER, (ALICE,)))

    with pytest.raises(StorageRejected):
        await postgres.write(Statement(ADD_USER, (ALICE,)))

    assert before == await postgres.write(backend)
    assert [["1"]] == postgres_server.execute(COUNT, "chat")


async def test_a_cancelled_write_is_committed_when_it_already_runs(
    postgres: Database, postgres_server: PostgresServer, postgres_url: str
) -> None:
    """The next write does not wait for it, because the only writing connection is replaced."""
    async with held_lock(postgres_url):
        writing = asyncio.create_task(postgres.write(Statement(ADD_USER_AND_WAIT, (ALICE,))))
        await wait_for_row(postgres_server, WAITING)
        writing.cancel()
        await asyncio.wait([writing])
        following = await postgres.write(Statement(COUNT))

    assert writing.cancelled()
    assert [(0,)] == following
    await wait_for_row(postgres_server, "SELECT id FROM users", "chat")


async def test_nothing_is_stored_when_a_statement_takes_longer_than_its_setting(
    postgres_url: str, postgres_server: PostgresServer
) -> None:
    """PostgreSQL reports that it has cancelled the statement, so the outcome is known."""
    async with (
        opened(Database(postgres_url, migrate=False, limits=LIMITS)) as database,
        held_lock(postgres_url),
    ):
        with pytest.raises(Unavailable) as caught:
            await database.write(Statement(ADD_USER_AND_WAIT, (ALICE,)))

    assert Unavailable is type(caught.value)
    assert [["0"]] == postgres_server.execute(COUNT, "chat")


@pytest.mark.parametrize("query", ["", "?pgbouncer=true"])
async def test_a_write_has_time_limits_when_it_runs_directly_or_through_a_pooler(
    postgres_url: str, postgres_server: PostgresServer, query: str
) -> None:
    """Behind a pooler, the settings are made in a transaction around the statement."""
    async with opened(Database(postgres_url + query, migrate=False, limits=LIMITS)) as database:
        settings = await database.write(Statement(SETTINGS))
        await database.write(Statement(ADD_USER, (ALICE,)))
        with pytest.raises(StorageRejected):
            await database.write(Statement(ADD_USER, (ALICE,)))
        following = await database.write(Statement(COUNT))

    assert [("1250ms", "750ms", "force_generic_plan", True)] == settings
    assert [(1,)] == following
    assert [["1"]] == postgres_server.execute(COUNT, "chat")


async def test_messages_are_stored_when_they_are_sent_through_a_pooler(postgres_url: str) -> None:
    """A pooler may run each transaction in another session."""
    url = f"{postgres_url}?pgbouncer=true"
    async with opened(Database(url, migrate=False, limits=UNHURRIED)) as database:
        storage = sql_storage(database)
        await storage.channels.seed({ALICE: [GENERAL]})

        stored = [await add(storage, draft()), await add(storage, draft())]

    assert [1, 2] == [each.seq for each in stored]


async def test_nothing_is_stored_when_another_program_holds_the_lock_of_sqlite(
    database: Database, storage: Storage, file: Path
) -> None:
    """The outcome is known, because the transaction has not begun."""
    with closing(sqlite3.connect(file, isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        began = monotonic()
        with pytest.raises(Unavailable) as caught:
            await storage.messages.add_all([draft()], NOW)
        took = monotonic() - began
        other.execute("ROLLBACK")

    assert Unavailable is type(caught.value)
    assert database.lock_seconds <= took < ANSWER_SECONDS
    assert 1 == (await insist(lambda: add(storage, draft()))).seq
