"""The database: who opens and closes it, and the only ways to a connection."""

import asyncio
import logging
import time
from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from dataclasses import dataclass

from sqlalchemy import URL, Executable
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from app.adapters.sql.connection.commit_tasks import CommitTasks
from app.adapters.sql.connection.engines import Engines
from app.adapters.sql.connection.failures import Operation, translated_failures
from app.adapters.sql.connection.limits import DEFAULT_LIMITS, DatabaseLimits
from app.adapters.sql.connection.opening import explained_opening
from app.adapters.sql.connection.postgres import postgres_engines
from app.adapters.sql.connection.server_checks import check_usable
from app.adapters.sql.connection.sqlite import enable_wal, sqlite_engines
from app.adapters.sql.connection.sqlite_file_watch import SqliteFileWatch
from app.adapters.sql.connection.url import parse_database_url, sqlite_file
from app.adapters.sql.schema.upgrade import MIGRATION_SECONDS, check_schema, upgrade_schema
from app.concurrency.circuit_breaker import CircuitBreaker
from app.domain.errors import Unavailable
from app.ports import WriteAdmission

OPENING_SECONDS = 20.0

PROBE_SECONDS = 0.5
"""The pause between two probes of a database that does not answer."""

_logger = logging.getLogger(__name__)


class Database(WriteAdmission):
    """One database, opened and closed with the application.

    `transaction`, `reading` and `asking` raise `Unavailable` for every failure of the database, for
    an operation that takes longer than ``answer_seconds`` (including the wait for its turn), while
    the circuit breaker is open, while an SQLite file is not where it was opened, and after the
    shutdown. Domain errors raised inside pass through. If the block raises or is cancelled, nothing
    of it is stored, and an interrupted connection is closed instead of reused.

    An operation that meets a frozen server fails only after ``answer_seconds``: the circuit breaker
    protects the operations after it. For example, the first send after two quiet seconds reads the
    members of the channel before it writes; this read is then the one that fails late.

    Args:
        url: As ``DATABASE_URL`` has it.
        migrate: Whether opening runs the migrations that are missing, or only looks for them.
        limits: As the settings have them.

    Attributes:
        writers: How many transactions may be at work at once; others wait for their turn.
        applied_migrations: The migrations that opening it ran, in order, by number and title.

    Raises:
        DatabaseUrlError: The address cannot be used.
    """

    def __init__(self, url: str, *, migrate: bool, limits: DatabaseLimits = DEFAULT_LIMITS) -> None:
        address = parse_database_url(url)
        self._file = sqlite_file(address)
        self._held_files = SqliteFileWatch()
        self._migrate = migrate
        self._limits = limits
        self._engines = make_engines(address, limits)
        self.writers = self._engines.writers
        self._writing = _Side(
            asyncio.Semaphore(self.writers),
            CircuitBreaker("database-writer", self._probe_as_writer, PROBE_SECONDS),
        )
        self._reading = _Side(
            asyncio.Semaphore(self._engines.readers),
            CircuitBreaker("database-reader", self._probe_as_reader, PROBE_SECONDS),
        )
        # A server that does not answer writers does not answer readers either. In SQLite readers
        # continue while another program has the write lock.
        if self._file is None:
            self._writing.breaker.linked = self._reading.breaker
            self._reading.breaker.linked = self._writing.breaker
        self._commits = CommitTasks()
        self.applied_migrations: tuple[str, ...] = ()
        self._closed = False

    async def on_module_init(self) -> None:
        """Create the file's folder, connect, and migrate or check the tables.

        Raises:
            DatabaseOpenError: It cannot be reached, or not be written.
            SchemaError: The tables are not those of this code.
        """
        with explained_opening(self._file):
            if self._file is not None:
                await asyncio.to_thread(self._file.parent.mkdir, parents=True, exist_ok=True)
                await asyncio.to_thread(enable_wal, self._file, self._limits.lock_timeout_seconds)
                await asyncio.to_thread(self._held_files.hold, self._file)
            async with (
                asyncio.timeout(MIGRATION_SECONDS if self._migrate else OPENING_SECONDS),
                self._engines.writing.begin() as connection,
            ):
                await connection.run_sync(check_usable)
                if self._migrate:
                    self.applied_migrations = await connection.run_sync(upgrade_schema)
                else:
                    await connection.run_sync(check_schema)

    async def on_application_shutdown(self, _signal: str | None) -> None:
        """Let what was begun end, within its own bounds, then close every connection."""
        if self._closed:
            return
        self._closed = True
        await self._writing.breaker.stop()
        await self._reading.breaker.stop()
        writing, reading = self._writing.turns, self._reading.turns
        turns = [writing] * self.writers + [reading] * self._engines.readers
        with suppress(TimeoutError):
            async with asyncio.timeout(self._limits.answer_seconds):
                for turn in turns:
                    await turn.acquire()
        await self._commits.end()
        await self._engines.writing.dispose()
        await asyncio.to_thread(self._held_files.release)

    async def admit_writer(self) -> None:
        """Return if a transaction would be tried now.

        Raises:
            Unavailable: The circuit breaker for writers is open.
        """
        breaker = self._writing.breaker
        if not breaker.is_closed and not await breaker.wait_half_open():
            raise Unavailable

    @asynccontextmanager
    async def transaction(self) -> AsyncIterator[AsyncConnection]:
        """A connection to write with: all of the block is stored durably, or nothing.

        The commit is not given up with its caller, whether cancelled or answered: it goes on
        behind, and keeps its turn.

        Raises:
            Unconfirmed: The commit was under way when something failed or the time was over.
        """
        side = self._writing
        async with self._answered(side, side.breaker) as operation, AsyncExitStack() as held:
            yield await self._enter(held, self._engines.writing, side.turns, operation)
            operation.commits = True
            await self._commits.run(held.pop_all())

    @asynccontextmanager
    async def probing(self) -> AsyncIterator[AsyncConnection]:
        """A connection as a `transaction` has it, for a health check that changes nothing.

        A check that fails, or takes long, does not open the circuit breaker: anybody may ask for
        one, and other operations must not be refused because of it.
        """
        side = self._writing
        async with self._answered(side, None) as operation, AsyncExitStack() as held:
            yield await self._enter(held, self._engines.writing, side.turns, operation)

    @asynccontextmanager
    async def reading(self) -> AsyncIterator[AsyncConnection]:
        """A connection that sees one state of the database from its first read to the end."""
        side = self._reading
        async with self._answered(side, side.breaker) as operation, AsyncExitStack() as held:
            yield await self._enter(held, self._engines.reading, side.turns, operation)

    @asynccontextmanager
    async def asking(self) -> AsyncIterator[AsyncConnection]:
        """A connection to read with by one statement; it saves what `reading` does around it."""
        side = self._reading
        async with self._answered(side, side.breaker) as operation, AsyncExitStack() as held:
            yield await self._enter(held, self._engines.asking, side.turns, operation)

    @asynccontextmanager
    async def _answered(
        self, side: "_Side", breaker: CircuitBreaker | None
    ) -> AsyncIterator[Operation]:
        """Run an operation of a side; its outcome opens or closes ``breaker``."""
        if not side.breaker.is_closed and not await side.breaker.wait_half_open():
            raise Unavailable
        with translated_failures(breaker) as operation:
            async with asyncio.timeout(self._limits.answer_seconds):
                yield operation

    async def _probe_as_writer(self) -> None:
        await self._probe(self._writing, self._engines.writing, self._engines.writing_checks)

    async def _probe_as_reader(self) -> None:
        await self._probe(self._reading, self._engines.reading, self._engines.reading_checks)

    async def _probe(
        self, side: "_Side", engine: AsyncEngine, checks: Sequence[Executable]
    ) -> None:
        with suppress(Unavailable), translated_failures(side.breaker) as operation:
            async with asyncio.timeout(self._limits.answer_seconds), AsyncExitStack() as held:
                connection = await self._enter(held, engine, side.turns, operation)
                for check in checks:
                    await connection.execute(check)

    async def _enter(
        self,
        held: AsyncExitStack,
        engine: AsyncEngine,
        turns: asyncio.Semaphore,
        operation: Operation,
    ) -> AsyncConnection:
        """Take a turn and a connection, and begin; what is held ends it, by commit or rollback."""
        try:
            async with asyncio.timeout(self._limits.pool_timeout_seconds):
                await held.enter_async_context(turns)
        except TimeoutError:
            # Too many operations at once, which is not a failure of the database.
            _logger.warning(
                "the database is busy: no turn within %g s", self._limits.pool_timeout_seconds
            )
            raise Unavailable from None
        operation.has_turn_since = time.monotonic()
        # Before a connection is made, which would make a missing file anew.
        if not self._held_files.are_in_place():
            raise Unavailable
        connection = await held.enter_async_context(engine.connect())
        await held.enter_async_context(connection.begin())
        await held.enter_async_context(_given_up_when_cancelled(connection))
        return connection


@dataclass(frozen=True, slots=True)
class _Side:
    """The turns and the circuit breaker of either writers or readers."""

    turns: asyncio.Semaphore
    breaker: CircuitBreaker


def make_engines(address: URL, limits: DatabaseLimits) -> Engines:
    """The engines of the database at an address; nothing is opened yet.

    Raises:
        DatabaseUrlError: The address has parameters that mean nothing.
    """
    if sqlite_file(address) is None:
        return postgres_engines(address, limits)
    return sqlite_engines(address, limits)


@asynccontextmanager
async def _given_up_when_cancelled(connection: AsyncConnection) -> AsyncIterator[None]:
    """Nothing more is asked on a connection whose time is over: the answer might never come."""
    try:
        yield
    except asyncio.CancelledError:
        await connection.invalidate()
        raise
