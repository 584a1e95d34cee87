"""Opens and closes the database, and runs transactions within time limits."""

import asyncio
import logging
import time
from collections.abc import AsyncIterator, Awaitable, Coroutine, Sequence
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Executable
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine
from sqlalchemy.pool import PoolProxiedConnection
from sqlalchemy.util import greenlet_spawn

from app.adapters.sql.connection.conversion_loop import convert_deliveries
from app.adapters.sql.connection.engines import Query, Result, Write
from app.adapters.sql.connection.failures import (
    DATABASE_FAILURES,
    domain_error,
    failure_name,
    open_if_slow,
)
from app.adapters.sql.connection.limits import (
    DEFAULT_LIMITS,
    OPENING_SECONDS,
    PROBE_SECONDS,
    DatabaseLimits,
)
from app.adapters.sql.connection.opening import explained_opening, make_engines
from app.adapters.sql.connection.server_checks import check_usable
from app.adapters.sql.connection.sqlite import SqliteFileWatch
from app.adapters.sql.connection.sqlite_file import prepare_file
from app.adapters.sql.connection.url import parse_database_url, sqlite_file
from app.adapters.sql.schema.upgrade import (
    MIGRATION_SECONDS,
    check_schema,
    repair_schema,
    upgrade_schema,
)
from app.concurrency.circuit_breaker import CircuitBreaker
from app.domain.errors import Unavailable
from app.domain.time_limits import COMMIT_SECONDS
from app.ports import WriteAdmission

_logger = logging.getLogger(__name__)


class Database(WriteAdmission):
    """One database, opened and closed with the application.

    `transaction`, `reading`, `asking` and `fetch` raise `Unavailable` if

    - the database fails,
    - the operation takes longer than ``answer_seconds``, including the wait for a free connection,
    - the circuit breaker is open,
    - the SQLite file is missing or was replaced, or
    - the database was closed.

    Domain errors raised inside the block pass through. If the block raises or is cancelled, its
    changes are rolled back. After a cancellation or a timeout, the connection is closed instead of
    reused.

    If the server freezes, running operations fail after ``answer_seconds``. The circuit breaker
    rejects operations that start after the first of these failures (`app.domain.time_limits` gives
    an example).

    Args:
        migrate: If True, opening runs missing migrations; if False, opening fails if a
            migration is missing.

    Attributes:
        lock_seconds: The maximum time that an operation waits for a lock of another transaction.
        applied_migrations: The number and title of each migration that ran when the database was
            opened, in order.
        changes: A sentence for each repair when the database was opened, and for each phase of the
            conversion of old rows.

    Raises:
        DatabaseUrlError: The URL is invalid.
    """

    def __init__(self, url: str, *, migrate: bool, limits: DatabaseLimits = DEFAULT_LIMITS) -> None:
        address = parse_database_url(url)
        self._file = sqlite_file(address)
        self._file_watch = SqliteFileWatch()
        self._migrate = migrate
        self._limits = limits
        self.lock_seconds = limits.lock_timeout_seconds
        self._engines = make_engines(address, limits)
        self.writers = self._engines.writers
        writer = CircuitBreaker("database-writer", self._probe_writing, PROBE_SECONDS)
        reader = CircuitBreaker("database-reader", self._probe_reading, PROBE_SECONDS)
        # A server that does not answer writers does not answer readers either, so the two
        # circuit breakers are linked. With SQLite they are separate, because readers continue
        # while another program holds the write lock.
        is_linked = self._file is None
        self._writing = _Side(
            asyncio.Semaphore(self.writers), writer, reader if is_linked else None
        )
        self._reading = _Side(
            asyncio.Semaphore(self._engines.readers), reader, writer if is_linked else None
        )
        self._commits: set[asyncio.Task[Any]] = set()
        self.applied_migrations: tuple[str, ...] = ()
        self.changes: tuple[str, ...] = ()
        self._closed = False

    async def on_module_init(self) -> None:
        """Create the SQLite file's folder, connect, and migrate or check the tables.

        Raises:
            DatabaseOpenError: The database cannot be reached or written.
            SchemaError: The tables differ from those that this version needs.
        """
        with explained_opening(self._file):
            if self._file is not None:
                await asyncio.to_thread(prepare_file, self._file, self._limits.lock_timeout_seconds)
                await asyncio.to_thread(self._file_watch.open, self._file)
            async with (
                asyncio.timeout(MIGRATION_SECONDS if self._migrate else OPENING_SECONDS),
                self._engines.writing.begin() as connection,
            ):
                await connection.run_sync(check_usable)
                if self._migrate:
                    self.applied_migrations = await connection.run_sync(upgrade_schema)
                    self.changes = await connection.run_sync(repair_schema)
                else:
                    await connection.run_sync(check_schema)
            if self._migrate:
                self.changes += await convert_deliveries(self._engines.writing)

    async def on_application_shutdown(self, _signal: str | None) -> None:
        """Wait for running operations, within their limits, then close every connection."""
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
        await asyncio.gather(*self._commits, return_exceptions=True)
        await self._engines.writing.dispose()
        await asyncio.to_thread(self._file_watch.close)

    async def admit_writer(self) -> None:
        await self._writing.admit()

    @asynccontextmanager
    async def transaction(self) -> AsyncIterator[AsyncConnection]:
        """Open a transaction that may write, and commit it durably at the end of the block.

        If the caller is cancelled or times out during the commit, the commit continues in the
        background, and occupies its connection until it ends.

        Raises:
            Unconfirmed: The operation failed or timed out after the commit had begun.
        """
        side = self._writing
        await side.admit()
        async with self._operation(side, self._engines.writing) as operation:
            yield operation.connection
            operation.attempt.commits = True
            await self._outlive_caller(_close(operation.attempt.resources.pop_all()))

    async def write(self, write: Write[Result]) -> Result:
        """Run and commit a write in one round trip to SQLite's thread or to PostgreSQL.

        With a pooler in front of PostgreSQL, the write takes more than one round trip.

        If the caller is cancelled or times out, a write to SQLite continues in the background, and
        occupies its connection until it ends. With PostgreSQL, the connection is closed, but
        the database server may still commit the write.

        Raises:
            Unconfirmed: The write failed or timed out, and may be committed nevertheless.
        """
        side = self._writing
        await side.admit()
        async with self._attempt(side) as attempt:
            pooled = await check_out(self._engines.writing)
            attempt.commits = True
            writing = self._engines.write(pooled, write)
            if self._file is None:
                # Do not continue in the background: if PostgreSQL does not answer, this write must
                # not keep other operations waiting.
                result: Result = await writing
                return result
            return await self._outlive_caller(_finish(writing, attempt.resources.pop_all()))

    @asynccontextmanager
    async def probing(self) -> AsyncIterator[AsyncConnection]:
        """Open a connection as `transaction` does, for a health check that changes nothing.

        A slow or failed check does not open the circuit breaker: anyone may request checks, so
        checks must not cause other operations to be rejected.
        """
        await self._writing.admit()
        async with self._operation(
            self._writing, self._engines.writing, is_health_check=True
        ) as operation:
            yield operation.connection

    @asynccontextmanager
    async def reading(self) -> AsyncIterator[AsyncConnection]:
        """Open a connection whose queries all see the same state of the database."""
        side = self._reading
        await side.admit()
        async with self._operation(side, self._engines.reading) as operation:
            yield operation.connection

    @asynccontextmanager
    async def asking(self) -> AsyncIterator[AsyncConnection]:
        """Open a connection for a single query, without the cost of a transaction around it."""
        side = self._reading
        await side.admit()
        async with self._operation(side, self._engines.asking) as operation:
            yield operation.connection

    async def fetch(self, query: Query, *parameters: object) -> Sequence[Sequence[Any]]:
        """Run a frequent query without SQLAlchemy; otherwise like a query in `asking`."""
        side = self._reading
        await side.admit()
        async with self._attempt(side):
            pooled = await check_out(self._engines.asking)
            return await self._engines.fetch(pooled, query, parameters)

    @asynccontextmanager
    async def _operation(
        self, side: "_Side", engine: AsyncEngine, *, is_health_check: bool = False
    ) -> AsyncIterator["_Operation"]:
        """Open a connection; at the end, commit or roll back, and return it to the pool."""
        async with self._attempt(side, is_health_check=is_health_check) as attempt:
            resources = attempt.resources
            connection = await resources.enter_async_context(engine.connect())
            await resources.enter_async_context(connection.begin())
            operation = _Operation(connection, attempt)
            try:
                yield operation
            except asyncio.CancelledError:
                # Do not roll back: a rollback could wait forever for a server that does not answer.
                if not attempt.commits:
                    await connection.invalidate()
                raise

    @asynccontextmanager
    async def _attempt(
        self, side: "_Side", *, is_health_check: bool = False
    ) -> AsyncIterator["_Attempt"]:
        """Limit the number of concurrent operations, and translate failures into domain errors.

        Unless this is a health check, success closes the circuit breaker of ``side``, and a slow
        failure opens it. A failure is slow if it comes more than `SLOW_SECONDS` after the wait for
        other operations has ended.
        """
        began = None
        attempt = None
        try:
            async with asyncio.timeout(self._limits.answer_seconds), AsyncExitStack() as resources:
                await self._take_turn(side, resources)
                began = time.monotonic()
                # Check the file before connecting, because connecting would create a missing file.
                if self._file is not None and not self._file_watch.is_in_place():
                    raise Unavailable
                attempt = _Attempt(resources)
                yield attempt
        except DATABASE_FAILURES as failure:
            _logger.warning("the database failed: %s", failure_name(failure))
            if began is not None and not is_health_check:
                open_if_slow(side.breaker, side.linked, time.monotonic() - began, failure)
            commits = attempt is not None and attempt.commits
            raise domain_error(failure, commits=commits) from None
        if not side.breaker.is_closed and not is_health_check:
            side.breaker.close()

    async def _take_turn(self, side: "_Side", resources: AsyncExitStack) -> None:
        was_closed = side.breaker.is_closed
        try:
            async with asyncio.timeout(self._limits.pool_timeout_seconds):
                await resources.enter_async_context(side.turns)
        except TimeoutError:
            # The database has not failed, but too many operations run at once.
            _logger.warning(
                "the database is busy: no turn within %g s", self._limits.pool_timeout_seconds
            )
            raise Unavailable from None
        # The shutdown also opens the circuit breaker, but operations that already wait may run.
        if was_closed and not side.breaker.is_closed and not self._closed:
            raise Unavailable

    async def _outlive_caller(self, committing: Coroutine[Any, Any, Result]) -> Result:
        """Await a commit in a task of its own, which continues if the caller is cancelled."""
        task = asyncio.create_task(committing)
        self._commits.add(task)
        task.add_done_callback(self._commits.discard)
        try:
            return await asyncio.shield(task)
        except asyncio.CancelledError:
            task.add_done_callback(_log_failed_commit)
            raise

    async def _probe_writing(self) -> None:
        await self._probe(self._writing, self._engines.writing, self._engines.writing_checks)

    async def _probe_reading(self) -> None:
        await self._probe(self._reading, self._engines.reading, self._engines.reading_checks)

    async def _probe(
        self, side: "_Side", engine: AsyncEngine, checks: Sequence[Executable]
    ) -> None:
        with suppress(Unavailable):
            async with self._operation(side, engine) as operation:
                for check in checks:
                    await operation.connection.execute(check)


async def check_out(engine: AsyncEngine) -> PoolProxiedConnection:
    """Take a connection from the pool, without a transaction.

    Raises:
        Exception: The database cannot be reached. This is the driver's own exception, not the
            `DBAPIError` that ``engine.connect()`` would raise.
    """
    try:
        return await greenlet_spawn(engine.sync_engine.raw_connection)
    except engine.dialect.loaded_dbapi.Error as error:
        raise error.__cause__ or error from None


@dataclass(frozen=True, slots=True)
class _Side:
    """The concurrency limit and circuit breaker of all writing, or of all reading operations."""

    turns: asyncio.Semaphore
    breaker: CircuitBreaker
    linked: CircuitBreaker | None
    """The other side's circuit breaker, to be opened as well if the server sent no answer."""

    async def admit(self) -> None:
        if not self.breaker.is_closed and not await self.breaker.wait_half_open():
            raise Unavailable


@dataclass(slots=True)
class _Attempt:
    """An operation: the resources to release at its end, and whether its commit has begun."""

    resources: AsyncExitStack
    commits: bool = False


@dataclass(frozen=True, slots=True)
class _Operation:
    """A running operation with a connection of SQLAlchemy."""

    connection: AsyncConnection
    attempt: _Attempt


async def _finish(writing: Awaitable[Result], resources: AsyncExitStack) -> Result:
    async with asyncio.timeout(COMMIT_SECONDS), resources:
        return await writing


async def _close(resources: AsyncExitStack) -> None:
    # One of the resources is the context of `AsyncConnection.begin`: closing this context commits.
    async with asyncio.timeout(COMMIT_SECONDS), resources:
        pass


def _log_failed_commit(task: asyncio.Task[Any]) -> None:
    if not task.cancelled() and (failure := task.exception()) is not None:
        _logger.warning("a commit failed after its caller was cancelled: %s", failure_name(failure))
