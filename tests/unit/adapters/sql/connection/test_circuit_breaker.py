import asyncio
import sqlite3
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, closing
from functools import partial
from pathlib import Path
from time import monotonic

import pytest

from app.adapters.sql.connection.circuit_breaker import RETRY_SECONDS, SLOW_SECONDS, CircuitBreaker
from app.adapters.sql.connection.database import Database
from app.adapters.sql.connection.limits import DatabaseLimits
from app.adapters.sql.schema.tables import channel_sequences, channels, messages
from app.adapters.sql.storage_probe import SqlStorageProbe
from app.domain.errors import Unavailable
from tests.contract.storage import UNHURRIED, opened
from tests.deadlines import ANSWER_SECONDS
from tests.postgres_server import PostgresServer
from tests.unit.adapters.sql.insisting import insist

SLOW = 2 * SLOW_SECONDS
AT_ONCE_SECONDS = 5.0
"""For nine refusals. They take much less, and more if each waits for its own lock or answer."""


@pytest.fixture
async def sqlite_database(tmp_path: Path) -> AsyncIterator[Database]:
    """A file, with the limits of a server."""
    async with opened(Database(f"sqlite:///{tmp_path / 'chat.db'}", migrate=True)) as database:
        yield database


@pytest.fixture
async def postgres_database(kept_postgres_url: str) -> AsyncIterator[Database]:
    """A PostgreSQL, with the limits of a server."""
    async with opened(Database(kept_postgres_url, migrate=False)) as database:
        yield database


@pytest.fixture
async def own_postgres_database(postgres_url: str) -> AsyncIterator[Database]:
    """One whose tables a test locks."""
    async with opened(Database(postgres_url, migrate=False)) as database:
        yield database


Ask = Callable[[Database], Awaitable[None]]


async def read(database: Database) -> None:
    """As pages of messages are read."""
    async with database.reading() as connection:
        await connection.execute(messages.select())


async def ask(database: Database) -> None:
    """As single answers are."""
    async with database.asking() as connection:
        await connection.execute(messages.select())


async def write(database: Database) -> None:
    """As messages are stored, but nothing."""
    async with database.transaction() as connection:
        await connection.execute(
            messages.update().where(messages.c.id == "none").values(content="")
        )


async def fail(database: Database) -> None:
    """As a statement fails that the database refuses."""
    async with database.transaction() as connection:
        await connection.exec_driver_sql("SELECT nonsense")


@asynccontextmanager
async def impatient(file: Path) -> AsyncIterator[Database]:
    """A file whose operations wait for a turn, or for a lock, no longer than counts as slow."""
    limits = DatabaseLimits(pool_timeout_seconds=SLOW, lock_timeout_seconds=SLOW)
    async with opened(Database(f"sqlite:///{file}", migrate=True, limits=limits)) as database:
        yield database


async def seconds_of_refusals(call: Ask, database: Database, times: int) -> float:
    """How long it takes until that many calls, one after the other, are all refused."""
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


class Answers:
    """What a gate finds when it looks: nothing for as long as a test wants."""

    def __init__(self) -> None:
        self.looks = 0
        self.surprise: Exception | None = None
        self._come = asyncio.Event()
        self.gate = CircuitBreaker(self._look)

    def come(self) -> None:
        """From now on."""
        self._come.set()

    async def _look(self) -> None:
        self.looks += 1
        await self._come.wait()
        if self.surprise is not None:
            surprise, self.surprise = self.surprise, None
            raise surprise
        self.gate.succeeded()


@asynccontextmanager
async def answers() -> AsyncIterator[Answers]:
    """A gate and what is behind it."""
    answers = Answers()
    yield answers
    await answers.gate.end()


async def test_gate_stays_open_when_a_failure_was_quick() -> None:
    """There is nothing to wait for, so everybody may try."""
    async with answers() as database:
        database.gate.failed(SLOW_SECONDS, is_silence=True)

        await database.gate.enter()

        assert database.looks == 0


async def test_gate_refuses_until_its_own_look_is_answered_when_a_failure_was_slow() -> None:
    """However long that takes, nobody else has to find out; one look is under way."""
    async with answers() as database:
        database.gate.failed(SLOW, is_silence=True)
        for _ in range(3):
            with pytest.raises(Unavailable):
                await database.gate.enter()
            database.gate.failed(SLOW, is_silence=True)
        database.come()

        await insist(database.gate.enter)

        assert database.looks == 1


async def test_gate_lets_in_who_waited_for_the_look_when_it_is_answered_soon() -> None:
    """One row was locked: nobody but its operation hears of that."""
    async with answers() as database:
        database.gate.failed(SLOW, is_silence=False)
        entering = asyncio.create_task(database.gate.enter())
        await asyncio.sleep(0)
        database.come()

        await entering


async def test_gate_looks_again_when_a_look_met_a_bug(caplog: pytest.LogCaptureFixture) -> None:
    """It would else stay closed until the next start."""
    async with answers() as database:
        database.surprise = ValueError()
        database.gate.failed(SLOW, is_silence=True)
        database.come()

        await insist(database.gate.enter)

    assert ["looking at the database failed"] == caplog.messages


async def test_gate_opens_when_an_earlier_operation_succeeds() -> None:
    """That is an answer as good as that of a look, which hangs on its own connection."""
    async with answers() as database:
        database.gate.failed(SLOW, is_silence=True)

        database.gate.succeeded()

        await database.gate.enter()


async def test_a_silence_closes_both_gates_and_a_refusal_one_when_they_are_companions() -> None:
    """Who cannot write may still be able to read, unless the server says nothing at all."""
    async with answers() as writing, answers() as reading:
        writing.gate.linked = reading.gate

        writing.gate.failed(SLOW, is_silence=False)
        await reading.gate.enter()
        writing.gate.failed(SLOW, is_silence=True)

        with pytest.raises(Unavailable):
            await reading.gate.enter()


async def test_all_but_the_first_are_refused_at_once_when_the_server_is_frozen(
    postgres_database: Database, postgres_server: PostgresServer
) -> None:
    """A client's tenth event is answered with the first, not ten times as late, however long."""
    ways = (read, ask, write, Database.admit_writer)
    for way in ways:
        await way(postgres_database)
    with postgres_server.frozen():
        first = await seconds_of_refusals(write, postgres_database, times=1)
        soon = [await seconds_of_refusals(way, postgres_database, times=9) for way in ways]
        await asyncio.sleep(2 * RETRY_SECONDS)
        later = [await seconds_of_refusals(way, postgres_database, times=9) for way in ways]

    for way in ways:
        await insist(partial(way, postgres_database))

    assert first < ANSWER_SECONDS
    assert max(soon + later) < AT_ONCE_SECONDS


@pytest.mark.parametrize("table", [messages.name, channel_sequences.name, channels.name])
async def test_writers_are_refused_at_once_and_readers_go_on_when_a_table_takes_no_changes(
    own_postgres_database: Database, postgres_url: str, table: str
) -> None:
    """As while somebody builds an index; whoever meets the lock waits, and nobody after."""
    async with (
        opened(Database(postgres_url, migrate=False, limits=UNHURRIED)) as operator,
        operator.transaction() as connection,
    ):
        mode = "EXCLUSIVE" if table == channels.name else "SHARE"
        await connection.exec_driver_sql("LOCK TABLE messages IN SHARE MODE")
        await connection.exec_driver_sql(f"LOCK TABLE {table} IN {mode} MODE")
        first = await seconds_of_refusals(write, own_postgres_database, times=1)
        others = await seconds_of_refusals(write, own_postgres_database, times=9)
        await read(own_postgres_database)
        await ask(own_postgres_database)

    await insist(partial(write, own_postgres_database))

    assert first < ANSWER_SECONDS
    assert others < AT_ONCE_SECONDS


async def test_nobody_is_refused_when_failures_come_at_once(
    postgres_database: Database, postgres_server: PostgresServer
) -> None:
    """There is nothing to wait for, so everybody may try; who comes first when it is back is in."""
    await ask(postgres_database)
    await asyncio.to_thread(postgres_server.stop)
    try:
        await seconds_of_refusals(ask, postgres_database, times=3)
    finally:
        await asyncio.to_thread(postgres_server.start_again)

    await ask(postgres_database)


async def test_readers_of_a_file_go_on_when_its_writer_is_kept_waiting(
    sqlite_database: Database, tmp_path: Path
) -> None:
    """They never wait for another program's lock; the writers after the first do not, either."""
    with closing(sqlite3.connect(tmp_path / "chat.db", isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")

        first = await seconds_of_refusals(write, sqlite_database, times=1)
        others = await seconds_of_refusals(write, sqlite_database, times=9)

        await read(sqlite_database)
        await ask(sqlite_database)
        other.execute("ROLLBACK")
    await insist(partial(write, sqlite_database))
    assert first < ANSWER_SECONDS
    assert others < AT_ONCE_SECONDS


async def test_gate_stays_open_when_an_operation_gets_no_turn(tmp_path: Path) -> None:
    """There are too many at once, which says nothing about the database: readers go on, too."""
    async with impatient(tmp_path / "chat.db") as database:
        async with database.transaction():
            with pytest.raises(Unavailable):
                await write(database)

            await database.admit_writer()
        await write(database)


async def test_gate_stays_open_when_an_operation_waited_long_and_failed_at_once(
    tmp_path: Path,
) -> None:
    """How long the database took is counted from the operation's turn."""
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
        await behind.has_turn.wait()  # so that a closed gate could not open again

        await database.admit_writer()
        behind.may_end.set()
        await asyncio.gather(before.holding, behind.holding)


async def test_gate_stays_open_when_a_health_check_is_slow(tmp_path: Path) -> None:
    """Strangers cause those: no client may be refused because of one."""
    async with impatient(tmp_path / "chat.db") as database:
        with closing(sqlite3.connect(tmp_path / "chat.db", isolation_level=None)) as other:
            other.execute("BEGIN IMMEDIATE")
            with pytest.raises(Unavailable):
                await SqlStorageProbe(database).check()

            await database.admit_writer()
            other.execute("ROLLBACK")
