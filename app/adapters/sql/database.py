"""The engine: who opens and closes it, and the only two ways to a connection."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress

from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine, create_async_engine

from app.adapters.sql.database_url import DatabaseUrlError, parse_database_url, sqlite_file
from app.adapters.sql.failures import translated_failures
from app.adapters.sql.held_files import HeldFiles
from app.adapters.sql.opening import explained_opening
from app.adapters.sql.schema import check_schema, upgrade_schema
from app.adapters.sql.sqlite_connections import WRITES, configure_sqlite, enable_wal
from app.domain.errors import Unavailable

OPENING_TIMEOUT_SECONDS = 20.0
"""Migrations included."""
OPERATION_TIMEOUT_SECONDS = 3.0
COMMIT_TIMEOUT_SECONDS = 10.0
READERS = 4
SERVER_WRITERS = 4


class Database:
    """One database, opened and closed with the application.

    `transaction` and `reading` raise `Unavailable` for every failure of the database, for an
    operation that takes longer than `OPERATION_TIMEOUT_SECONDS` (waiting for its turn included),
    while an SQLite file is not where it was opened, and after the end; domain errors raised inside
    pass through. However a block is left but by its end, nothing of it stays: a connection that
    was interrupted is closed, not used again.

    Args:
        url: As ``DATABASE_URL`` has it.
        migrate: Whether opening runs the migrations that are missing, or only looks for them.

    Raises:
        DatabaseUrlError: The address cannot be used, or its driver is not installed.
    """

    def __init__(self, url: str, *, migrate: bool) -> None:
        self._url = parse_database_url(url)
        self._file = sqlite_file(self._url)
        self._held_files = HeldFiles()
        self._migrate = migrate
        # SQLite has one writer. Those of this process wait here in the order they came, instead of
        # asking again and again for the file's lock; the busy timeout is for other processes.
        writers = SERVER_WRITERS if self._file is None else 1
        self._writing = asyncio.Semaphore(writers)
        self._reading = asyncio.Semaphore(READERS)
        self._turns = writers * [self._writing] + READERS * [self._reading]
        self._closed = False
        self._engine = self._create_engine(pool_size=len(self._turns))
        self._writing_engine = self._engine.execution_options(**{WRITES: True})
        if self._file is not None:
            configure_sqlite(self._engine)

    def _create_engine(self, pool_size: int) -> AsyncEngine:
        try:
            return create_async_engine(
                self._url,
                # A parameter may be a message: it belongs in no exception text and no log.
                hide_parameters=True,
                pool_size=pool_size,
                max_overflow=0,
                # Both ways to a connection end their transaction themselves.
                pool_reset_on_return=None,
            )
        except ModuleNotFoundError as error:
            raise DatabaseUrlError(
                f"DATABASE_URL needs a driver: .venv/bin/pip install {error.name}"
            ) from None

    async def on_module_init(self) -> None:
        """Create the file's folder, connect, and migrate or check the tables.

        Raises:
            DatabaseOpenError: It cannot be reached, or not be used.
            SchemaError: The tables are not those of this code.
        """
        engine = self._writing_engine if self._migrate else self._engine
        with explained_opening(self._file):
            if self._file is not None:
                await asyncio.to_thread(self._file.parent.mkdir, parents=True, exist_ok=True)
                await asyncio.to_thread(enable_wal, self._file)
                await asyncio.to_thread(self._held_files.hold, self._file)
            async with (
                asyncio.timeout(OPENING_TIMEOUT_SECONDS),
                engine.connect() as connection,
                connection.begin(),
            ):
                await connection.run_sync(upgrade_schema if self._migrate else check_schema)

    async def on_application_shutdown(self, _signal: str | None) -> None:
        """Let what was begun end, within its own bounds, then close every connection."""
        if self._closed:
            return
        self._closed = True
        with suppress(TimeoutError):
            async with asyncio.timeout(OPERATION_TIMEOUT_SECONDS + COMMIT_TIMEOUT_SECONDS):
                for turn in self._turns:
                    await turn.acquire()
        await self._engine.dispose()
        await asyncio.to_thread(self._held_files.release)

    @asynccontextmanager
    async def transaction(self) -> AsyncIterator[AsyncConnection]:
        """A connection to write with: all of the block is stored durably, or nothing.

        A commit is not given up with the block's time, since nobody would know its outcome; only
        one that hangs for `COMMIT_TIMEOUT_SECONDS` is. A cancelled caller does not learn it either.
        """
        async with (
            self._connection(self._writing_engine, self._writing) as (connection, deadline),
            connection.begin(),
        ):
            yield connection
            deadline.reschedule(asyncio.get_running_loop().time() + COMMIT_TIMEOUT_SECONDS)

    @asynccontextmanager
    async def reading(self) -> AsyncIterator[AsyncConnection]:
        """A connection that sees one state of the database from its first read to the end."""
        async with (
            self._connection(self._engine, self._reading) as (connection, _),
            connection.begin(),
        ):
            yield connection

    @asynccontextmanager
    async def _connection(
        self, engine: AsyncEngine, turn: asyncio.Semaphore
    ) -> AsyncIterator[tuple[AsyncConnection, asyncio.Timeout]]:
        if self._closed:
            raise Unavailable
        with translated_failures():
            async with asyncio.timeout(OPERATION_TIMEOUT_SECONDS) as deadline, turn:
                # Before a connection is made, which would make a missing file anew.
                if not self._held_files.are_in_place():
                    raise Unavailable
                async with engine.connect() as connection:
                    yield connection, deadline
