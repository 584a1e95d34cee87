"""How SQLite is set up: pragmas for every connection, and transactions that begin as told."""

import asyncio
import logging
import sqlite3
import time
from contextlib import closing, suppress
from pathlib import Path
from typing import cast

import aiosqlite
from sqlalchemy import URL, Connection, event, select
from sqlalchemy.engine.interfaces import DBAPIConnection
from sqlalchemy.ext.asyncio import create_async_engine
from sqlalchemy.pool import ConnectionPoolEntry
from sqlalchemy.util import await_only

from app.adapters.sql.connection.buffered_sqlite import connect_buffered
from app.adapters.sql.connection.engines import POOL_OPTIONS, Engines
from app.adapters.sql.connection.limits import DatabaseLimits
from app.adapters.sql.schema.tables import channel_sequences

_READERS = 4
_BUSY_RETRY_SECONDS = 0.02
_PATIENCE_SECONDS = 0.05
_READ_THE_FILE = select(channel_sequences.c.last_seq).limit(1)
"""A writer has the file's only lock by then."""
_BEGIN = "begin"
"""The execution option that says how a connection's transactions begin; by default they read."""


def enable_wal(file: Path, lock_timeout_seconds: float) -> None:
    """Let readers and the writer of the file not wait for each other; the file remembers it.

    Blocks for up to ``lock_timeout_seconds``. SQLite does not wait by itself when several processes
    want to change the mode at once, as when two start on a new file.

    Raises:
        sqlite3.Error: The file cannot be used, or is locked for longer.
    """
    give_up_at = time.monotonic() + lock_timeout_seconds
    with closing(sqlite3.connect(file)) as connection:
        while True:
            try:
                connection.execute("PRAGMA journal_mode = WAL")
            except sqlite3.OperationalError as error:
                is_busy = error.sqlite_errorcode == sqlite3.SQLITE_BUSY
                if not is_busy or time.monotonic() > give_up_at:
                    raise
                time.sleep(_BUSY_RETRY_SECONDS)
            else:
                return


def sqlite_engines(url: URL, limits: DatabaseLimits) -> Engines:
    """For one file: one writer, whatever happens, and a few readers beside it."""
    # At DEBUG the driver writes every statement with its parameters, and messages are among them.
    logging.getLogger("aiosqlite").setLevel(logging.WARNING)
    # SQLite has one writer. Those of this process take turns, instead of asking again and again
    # for the file's lock; the busy timeout is for other processes.
    engine = create_async_engine(
        url,
        connect_args={"async_creator_fn": connect_buffered},
        pool_size=1 + _READERS,
        **POOL_OPTIONS,
    )
    pragmas = (
        # First, so that the others wait for a lock too.
        f"PRAGMA busy_timeout = {round(limits.lock_timeout_seconds * 1000)}",
        # NORMAL would lose the last commits on a power cut; an ack means stored.
        "PRAGMA synchronous = FULL",
        "PRAGMA foreign_keys = ON",
    )

    def prepare(connection: DBAPIConnection, entry: ConnectionPoolEntry) -> None:
        del entry
        # The driver would begin transactions by itself, late and deferred (SQLAlchemy's
        # documentation, "Serializable isolation / Savepoints / Transactional DDL").
        connection.isolation_level = None
        cursor = connection.cursor()
        for pragma in pragmas:
            cursor.execute(pragma)
        cursor.close()

    event.listen(engine.sync_engine, "connect", prepare)
    event.listen(engine.sync_engine, "begin", _begin)
    event.listen(engine.sync_engine, "invalidate", _give_up)
    return Engines(
        # A deferred transaction that reads and then writes fails at once, whatever the busy
        # timeout, when another process has written in between: so writers take the lock first.
        writing=engine.execution_options(**{_BEGIN: "BEGIN IMMEDIATE"}),
        reading=engine,
        asking=engine.execution_options(**{_BEGIN: None}),
        writers=1,
        readers=_READERS,
        writing_checks=(_READ_THE_FILE,),
        reading_checks=(_READ_THE_FILE,),
    )


def _begin(connection: Connection) -> None:
    begin = connection.get_execution_options().get(_BEGIN, "BEGIN")
    if begin is not None:
        connection.exec_driver_sql(begin)


def _give_up(
    connection: DBAPIConnection, entry: ConnectionPoolEntry, error: BaseException | None
) -> None:
    # Closing is not enough: while somebody (a traceback) holds the cursor of an interrupted
    # statement, SQLite keeps the closed connection alive, and with it the lock on the file.
    del entry, error
    await_only(_roll_back(cast("aiosqlite.Connection", connection.driver_connection)))


async def _roll_back(connection: aiosqlite.Connection) -> None:
    with suppress(sqlite3.Error, ValueError):  # ValueError: it is closed
        rolling_back = asyncio.ensure_future(connection.rollback())
        await asyncio.wait([rolling_back], timeout=_PATIENCE_SECONDS)
        if not rolling_back.done():
            # It waits for a statement that takes long, and that nobody waits for any more.
            await connection.interrupt()
        await rolling_back
