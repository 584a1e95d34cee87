"""Tests the circuit breakers of app/adapters/sql/connection/database.py with real databases."""

import asyncio
import sqlite3
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, closing
from functools import partial
from pathlib import Path
from time import monotonic

import pytest

from app.adapters.sql.connection.database import Database
from app.adapters.sql.connection.limits import PROBE_SECONDS, SLOW_SECONDS, DatabaseLimits
from app.adapters.sql.schema.tables import channel_sequences, channels, messages
from app.adapters.sql.storage_probe import SqlStorageProbe
from app.domain.errors import Unavailable
from tests.contract.storage import UNHURRIED, opened
from tests.deadlines import ANSWER_SECONDS
from tests.postgres_server import PostgresServer
from tests.unit.adapters.sql.insisting import insist

SLOW = 2 * SLOW_SECONDS
AT_ONCE_SECONDS = 5.0
"""The maximum time for nine rejected calls. Nine lock or connection timeouts take longer."""


@pytest.fixture
async def sqlite_database(tmp_path: Path) -> AsyncIterator[Database]:
    """An SQLite file, with the limits of a running server."""
    async with opened(Database(f"sqlite:///{tmp_path / 'chat.db'}", migrate=True)) as database:
        yield database


@pytest.fixture
async def postgres_database(shared_postgres_url: str) -> AsyncIterator[Database]:
    """A PostgreSQL database, with the limits of a running server."""
    async with opened(Database(shared_postgres_url, migrate=False)) as database:
        yield database


@pytest.fixture
async def own_postgres_database(postgres_url: str) -> AsyncIterator[Database]:
    """A PostgreSQL database whose tables the test may lock."""
    async with opened(Database(postgres_url, migrate=False)) as database:
        yield database


Call = Callable[[Database], Awaitable[None]]


async def read(database: Database) -> None:
    async with database.reading() as connection:
        await connection.execute(messages.select())


async def ask(database: Database) -> None:
    async with database.asking() as connection:
        await connection.execute(messages.select())


async def write(database: Database) -> None:
    """Run a transaction that writes, but changes no row."""
    async with database.transaction() as connection:
        await connection.execute(
            messages.update().where(messages.c.id == "none").values(content="")
        )


async def fail(database: Database) -> None:
    """Run a statement that the database rejects."""
    async with database.transaction() as connection:
        await connection.exec_driver_sql("SELECT nonsense")


@asynccontextmanager
async def impatient(file: Path) -> AsyncIterator[Database]:
    """A database with short timeouts; a call that reaches one of them counts as slow."""
    limits = DatabaseLimits(pool_timeout_seconds=SLOW, lock_timeout_seconds=SLOW)
    async with opened(Database(f"sqlite:///{file}", migrate=True, limits=limits)) as database:
        yield database


async def seconds_of_rejections(call: Call, database: Database, times: int) -> float:
    """Check that ``times`` calls in a row are rejected, and return how long that took."""
    began = monotonic()
    for _ in range(times):
        with pytest.raises(Unavailable):
            await call(database)
    return monotonic() - began


class Holder:
    """A writer that keeps its turn until the test lets it end."""

    def __init__(self, database: Database) -> None:
        self.has_turn = asyncio.Event()
        self.may_end = asyncio.Event()
        self.holding = asyncio.create_task(self._hold(database))

    async def _hold(self, database: Database) -> None:
        async with database.transaction():
            self.has_turn.set()
            await self.may_end.wait()


async def test_all_but_the_first_are_refused_at_once_when_the_server_is_frozen(
    postgres_database: Database, postgres_server: PostgresServer
) -> None:
    """Only the first call waits for its timeout, however long the server stays frozen."""
    calls = (read, ask, write, Database.admit_writer)
    for call in calls:
        await call(postgres_database)
    with postgres_server.frozen():
        first = await seconds_of_rejections(write, postgres_database, times=1)
        soon = [await seconds_of_rejections(call, postgres_database, times=9) for call in calls]
        await asyncio.sleep(2 * PROBE_SECONDS)
        later = [await seconds_of_rejections(call, postgres_database, times=9) for call in calls]

    for call in calls:
        await insist(partial(call, postgres_database))

    assert first < ANSWER_SECONDS
    assert max(soon + later) < AT_ONCE_SECONDS


@pytest.mark.parametrize("table", [messages.name, channel_sequences.name, channels.name])
async def test_writers_are_refused_at_once_and_readers_go_on_when_a_table_takes_no_changes(
    own_postgres_database: Database, postgres_url: str, table: str
) -> None:
    """Only the first writer waits for the lock. Creating an index takes the same lock."""
    async with (
        opened(Database(postgres_url, migrate=False, limits=UNHURRIED)) as operator,
        operator.transaction() as connection,
    ):
        mode = "EXCLUSIVE" if table == channels.name else "SHARE"
        await connection.exec_driver_sql("LOCK TABLE messages IN SHARE MODE")
        await connection.exec_driver_sql(f"LOCK TABLE {table} IN {mode} MODE")
        first = await seconds_of_rejections(write, own_postgres_database, times=1)
        others = await seconds_of_rejections(write, own_postgres_database, times=9)
        await read(own_postgres_database)
        await ask(own_postgres_database)

    await insist(partial(write, own_postgres_database))

    assert first < ANSWER_SECONDS
    assert others < AT_ONCE_SECONDS


async def test_the_circuit_breaker_stays_closed_when_failures_come_at_once(
    postgres_database: Database, postgres_server: PostgresServer, caplog: pytest.LogCaptureFixture
) -> None:
    """Every call tries the stopped server, and the first call after its restart succeeds."""
    await ask(postgres_database)
    await asyncio.to_thread(postgres_server.stop)
    try:
        await seconds_of_rejections(ask, postgres_database, times=3)
    finally:
        await asyncio.to_thread(postgres_server.start_again)

    await ask(postgres_database)

    # A call that the circuit breaker rejects logs nothing.
    assert 3 == len([each for each in caplog.messages if each.startswith("the database failed")])


async def test_readers_of_a_file_go_on_when_its_writer_is_kept_waiting(
    sqlite_database: Database, tmp_path: Path
) -> None:
    """Only the first writer waits for the write lock of another program."""
    with closing(sqlite3.connect(tmp_path / "chat.db", isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")

        first = await seconds_of_rejections(write, sqlite_database, times=1)
        others = await seconds_of_rejections(write, sqlite_database, times=9)

        await read(sqlite_database)
        await ask(sqlite_database)
        other.execute("ROLLBACK")
    await insist(partial(write, sqlite_database))
    assert first < ANSWER_SECONDS
    assert others < AT_ONCE_SECONDS


async def test_a_waiting_operation_is_refused_when_the_circuit_breaker_opens(
    tmp_path: Path,
) -> None:
    """An operation that waits for its turn fails without starting, so it adds no second timeout."""
    file = tmp_path / "chat.db"
    limits = DatabaseLimits(pool_timeout_seconds=2.5, lock_timeout_seconds=SLOW)
    async with opened(Database(f"sqlite:///{file}", migrate=True, limits=limits)) as database:
        with closing(sqlite3.connect(file, isolation_level=None)) as other:
            other.execute("BEGIN IMMEDIATE")
            failing = asyncio.create_task(write(database))
            await asyncio.sleep(0)
            behind = asyncio.create_task(write(database))
            await asyncio.wait([failing])
            other.execute("ROLLBACK")
        outcomes = await asyncio.gather(failing, behind, return_exceptions=True)

        assert [Unavailable, Unavailable] == [type(each) for each in outcomes]


async def test_the_circuit_breaker_stays_closed_when_an_operation_gets_no_turn(
    tmp_path: Path,
) -> None:
    """Too many concurrent operations do not mean that the database is down."""
    async with impatient(tmp_path / "chat.db") as database:
        async with database.transaction():
            with pytest.raises(Unavailable):
                await write(database)

            await database.admit_writer()
        await write(database)


async def test_the_circuit_breaker_stays_closed_when_an_operation_waited_long_and_failed_at_once(
    tmp_path: Path,
) -> None:
    """The circuit breaker ignores the time that an operation waits for its turn."""
    async with impatient(tmp_path / "chat.db") as database:
        before = Holder(database)
        await before.has_turn.wait()
        failing = asyncio.create_task(fail(database))
        await asyncio.sleep(0)
        behind = Holder(database)
        await asyncio.sleep(1.1 * SLOW_SECONDS)
        before.may_end.set()
        with pytest.raises(Unavailable):
            await failing
        # If the circuit breaker were open, no probe could close it while `behind` has its turn.
        await behind.has_turn.wait()

        await database.admit_writer()
        behind.may_end.set()
        await asyncio.gather(before.holding, behind.holding)


async def test_the_circuit_breaker_stays_closed_when_a_health_check_is_slow(tmp_path: Path) -> None:
    """Anybody may request a health check, so a slow one must not cause rejections of clients."""
    async with impatient(tmp_path / "chat.db") as database:
        with closing(sqlite3.connect(tmp_path / "chat.db", isolation_level=None)) as other:
            other.execute("BEGIN IMMEDIATE")
            with pytest.raises(Unavailable):
                await SqlStorageProbe(database).check()

            await database.admit_writer()
            other.execute("ROLLBACK")
