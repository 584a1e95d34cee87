"""Makes engines for SQLite with a faster driver, and detects deleted or replaced files."""

import asyncio
import json
import logging
import sqlite3
import threading
from collections.abc import Callable, Sequence
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import Any, Self, TypeAlias, cast

import aiosqlite
from sqlalchemy import URL, Connection, event, select
from sqlalchemy.engine.interfaces import DBAPIConnection
from sqlalchemy.ext.asyncio import create_async_engine
from sqlalchemy.pool import ConnectionPoolEntry, PoolProxiedConnection
from sqlalchemy.util import await_only, greenlet_spawn

from app.adapters.sql.connection.engines import POOL_OPTIONS, Engines, Query, Result, Write
from app.adapters.sql.connection.limits import DatabaseLimits
from app.adapters.sql.schema.tables import channel_sequences

_READERS = 4
_ROLLBACK_SECONDS = 0.05
_CHUNK_ROWS = 64  # aiosqlite requires this argument, but only its own cursors use the value.
_READ_THE_FILE = select(channel_sequences.c.last_seq).limit(1)
"""Checks whether the file can be read.

In a probe of the writer, BEGIN IMMEDIATE has already locked the file before this query runs.
"""
_BEGIN = "begin"
"""The name of the execution option that contains the statement to begin a transaction."""

_Parameters: TypeAlias = Sequence[Any]

_logger = logging.getLogger(__name__)


def sqlite_engines(url: URL, limits: DatabaseLimits) -> Engines:
    """Make engines for a file, with one writer and a few readers."""
    # At level DEBUG, aiosqlite would log all parameters, including the content of chat messages.
    logging.getLogger("aiosqlite").setLevel(logging.WARNING)
    # SQLite allows one writer at a time. The writers of this process take turns instead of polling
    # the file's lock; the busy timeout applies only to locks of other processes.
    engine = create_async_engine(
        url,
        connect_args={"async_creator_fn": connect_buffered},
        pool_size=1 + _READERS,
        **POOL_OPTIONS,
    )
    pragmas = (
        # Set the timeout first, so that the other pragmas also wait for a lock.
        f"PRAGMA busy_timeout = {round(limits.lock_timeout_seconds * 1000)}",
        # With NORMAL, a power cut could lose acknowledged commits.
        "PRAGMA synchronous = FULL",
        "PRAGMA foreign_keys = ON",
    )

    def prepare(connection: DBAPIConnection, entry: ConnectionPoolEntry) -> None:
        del entry
        # Keep the driver from beginning deferred transactions by itself (SQLAlchemy's
        # documentation, "Serializable isolation / Savepoints / Transactional DDL").
        connection.isolation_level = None
        cursor = connection.cursor()
        for pragma in pragmas:
            cursor.execute(pragma)
        cursor.close()

    event.listen(engine.sync_engine, "connect", prepare)
    event.listen(engine.sync_engine, "begin", _begin)
    event.listen(engine.sync_engine, "invalidate", _roll_back_invalidated)
    return Engines(
        # Writers lock the file at the beginning. A deferred transaction could not write if another
        # process had written since its first read; the busy timeout would not help.
        writing=engine.execution_options(**{_BEGIN: "BEGIN IMMEDIATE"}),
        reading=engine,
        asking=engine.execution_options(**{_BEGIN: None}),
        writers=1,
        readers=_READERS,
        writing_checks=(_READ_THE_FILE,),
        reading_checks=(_READ_THE_FILE,),
        write=_write,
        fetch=_fetch,
    )


async def _write(pooled: PoolProxiedConnection, write: Write[Result]) -> Result:
    connection = cast("BufferedConnection", pooled.driver_connection)
    try:
        return await connection.run_transaction(write.on_sqlite)
    except BaseException as error:
        # If the rollback has failed, the transaction is still open, so discard the connection.
        if isinstance(error, asyncio.CancelledError) or connection.in_transaction:
            await greenlet_spawn(pooled.invalidate)
        raise
    finally:
        pooled.close()


async def _fetch(
    pooled: PoolProxiedConnection, query: Query, parameters: Sequence[object]
) -> Sequence[Sequence[Any]]:
    connection = cast("BufferedConnection", pooled.driver_connection)
    texts = [
        json.dumps(each, ensure_ascii=False) if isinstance(each, list) else each
        for each in parameters
    ]
    try:
        cursor: BufferedCursor = await connection.cursor().execute(query.on_sqlite, texts)
    except asyncio.CancelledError:
        await greenlet_spawn(pooled.invalidate)
        raise
    else:
        return cursor.rows
    finally:
        pooled.close()


def _begin(connection: Connection) -> None:
    begin = connection.get_execution_options().get(_BEGIN, "BEGIN")
    if begin is not None:
        connection.exec_driver_sql(begin)


def _roll_back_invalidated(
    connection: DBAPIConnection, entry: ConnectionPoolEntry, error: BaseException | None
) -> None:
    # Roll back before closing. SQLite keeps a closed connection and its lock on the file as long as
    # an object, such as a traceback, refers to the cursor of an interrupted statement.
    del entry, error
    await_only(_roll_back(cast("aiosqlite.Connection", connection.driver_connection)))


async def _roll_back(connection: aiosqlite.Connection) -> None:
    with suppress(sqlite3.Error, ValueError):  # ValueError: the connection is closed
        rolling_back = asyncio.ensure_future(connection.rollback())
        await asyncio.wait([rolling_back], timeout=_ROLLBACK_SECONDS)
        if not rolling_back.done():
            # Interrupt the long statement that the rollback waits for.
            await connection.interrupt()
        await rolling_back


def connect_buffered(*args: Any, **kwargs: Any) -> "BufferedConnection":
    """Connect with the arguments of `sqlite3.connect`, as SQLAlchemy's ``async_creator_fn``."""
    return BufferedConnection(partial(sqlite3.connect, *args, **kwargs), _CHUNK_ROWS)


class BufferedConnection(aiosqlite.Connection):
    """A connection that switches to its thread only once per statement.

    SQLAlchemy creates a cursor, executes, fetches and closes. aiosqlite switches threads for each
    of these steps, which takes longer than a short statement (measured by ``make storage``).
    """

    def __init__(self, connector: partial[sqlite3.Connection], iter_chunk_size: int) -> None:
        super().__init__(self._open, iter_chunk_size)
        self._thread.daemon = True  # A hanging thread must not block exit (as in SQLAlchemy)
        self._opener = connector
        self._opened: sqlite3.Connection | None = None

    def stop(self) -> asyncio.Future[Any] | None:
        """Close the connection in its thread, and end the thread.

        aiosqlite calls this if the caller is cancelled while the thread opens the connection.
        aiosqlite's own method would not close the connection in this case.
        """
        self._tx.put_nowait((None, self._close_opened))
        return super().stop()

    def cursor(self, *_: Any, **__: Any) -> Any:
        """Return a cursor without accessing the database."""
        return BufferedCursor(self)

    async def load(self, cursor: "BufferedCursor", method: str, *args: object) -> None:
        """Run a statement, and store its whole result in ``cursor``."""
        await self._execute(self._load, cursor, method, args)  # type: ignore[no-untyped-call] # aiosqlite's

    async def run_transaction(self, function: Callable[[sqlite3.Connection], Result]) -> Result:
        """Run a function in the thread, between BEGIN and COMMIT; roll back if it raises."""
        result: Result = await self._execute(self._transact, function)  # type: ignore[no-untyped-call] # aiosqlite's
        return result

    def _open(self) -> sqlite3.Connection:
        self._opened = self._opener()
        return self._opened

    def _close_opened(self) -> None:
        if self._opened is not None:
            self._opened.close()

    def _transact(self, function: Callable[[sqlite3.Connection], Result]) -> Result:
        connection = self._conn
        connection.execute("BEGIN IMMEDIATE")
        try:
            result = function(connection)
            connection.execute("COMMIT")
        except BaseException:
            with suppress(sqlite3.Error):  # SQLite may have rolled back already
                connection.execute("ROLLBACK")
            raise
        return result

    def _load(self, buffered: "BufferedCursor", method: str, args: tuple[object, ...]) -> None:
        cursor: sqlite3.Cursor = getattr(self._conn, method)(*args)
        try:
            buffered.description = cursor.description
            buffered.rows = [] if cursor.description is None else cursor.fetchall()
            buffered.rowcount = cursor.rowcount
            buffered.lastrowid = cursor.lastrowid
        finally:
            cursor.close()


class BufferedCursor:
    """The part of aiosqlite's cursor that SQLAlchemy uses; ``rows`` holds the unfetched rows."""

    __slots__ = ("_connection", "description", "lastrowid", "rowcount", "rows")

    def __init__(self, connection: BufferedConnection) -> None:
        self._connection = connection
        self.description: Any = None
        self.rows: list[Any] = []
        self.rowcount = -1
        self.lastrowid: int | None = None

    async def __aenter__(self) -> Self:
        return self

    async def execute(self, sql: str, parameters: _Parameters = ()) -> Self:
        """Run a statement."""
        await self._connection.load(self, "execute", sql, parameters)
        return self

    async def executemany(self, sql: str, parameters: Sequence[_Parameters]) -> Self:
        """Run a statement once for each set of parameters."""
        await self._connection.load(self, "executemany", sql, parameters)
        return self

    async def fetchall(self) -> Sequence[Any]:
        """Return the remaining rows."""
        rows, self.rows = self.rows, []
        return rows

    async def close(self) -> None:
        """Do nothing: `BufferedConnection` has already closed SQLite's cursor."""


class SqliteFileWatch:
    """Detects that the files of an open SQLite database were deleted or replaced.

    SQLite continues to use deleted files: commits succeed, but are lost when the process ends. This
    object holds a connection open, so that SQLite does not remove the log and its index, and the
    file system does not reuse their inode numbers. Overwritten content is not detected.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()  # `close` may run while a cancelled `open` still runs
        self._closed = False
        self._connection: sqlite3.Connection | None = None
        self._identities: dict[Path, tuple[int, int] | None] = {}
        self._was_in_place = True

    def open(self, file: Path) -> None:
        """Remember the files of a database in WAL mode. Blocks. Call this only once.

        Does nothing after `close`.

        Raises:
            sqlite3.Error: The file cannot be used.
            OSError: The file cannot be found.
        """
        with self._lock:
            if self._closed:
                return
            self._connection = sqlite3.connect(file, check_same_thread=False)
            # SQLite opens the log at the first query.
            self._connection.execute("SELECT count(*) FROM sqlite_master").fetchone()
            target = file.resolve()  # SQLite creates log and index next to the target of a link
            others = (target.with_name(f"{target.name}{suffix}") for suffix in ("-wal", "-shm"))
            self._identities = {path: _identity(path) for path in (file, *others)}

    def is_in_place(self) -> bool:
        """Return whether every path still refers to the same file as when `open` was called.

        If the result changes to False, log an error.
        """
        for path, identity in self._identities.items():
            if _identity(path) != identity:
                if self._was_in_place:
                    _logger.error(
                        "%s was deleted or replaced while in use: nothing is read or stored any "
                        "more; put it back if it was moved, and restart the server",
                        path,
                    )
                self._was_in_place = False
                return False
        self._was_in_place = True
        return True

    def close(self) -> None:
        """Close the connection. Blocks while SQLite copies the log into the database file."""
        with self._lock:
            self._closed = True
            if self._connection is not None:
                self._connection.close()


def _identity(path: Path) -> tuple[int, int] | None:
    try:
        status = path.stat()
    except OSError:
        return None
    return status.st_dev, status.st_ino
