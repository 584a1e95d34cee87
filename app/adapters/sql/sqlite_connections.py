"""How SQLite is set up: pragmas for every connection, and transactions that begin as told."""

import logging
import sqlite3
import time
from contextlib import closing, suppress
from pathlib import Path

from sqlalchemy import Connection, event
from sqlalchemy.engine.interfaces import DBAPIConnection
from sqlalchemy.ext.asyncio import AsyncEngine
from sqlalchemy.pool import ConnectionPoolEntry

BUSY_TIMEOUT_MS = 2_000
_BUSY_RETRY_SECONDS = 0.02
WRITES = "writes"
"""The execution option of a connection that is going to write."""

_PRAGMAS = (
    # First, so that the others wait for a lock too.
    f"PRAGMA busy_timeout = {BUSY_TIMEOUT_MS}",
    # NORMAL would lose the last commits on a power cut; an ack means stored.
    "PRAGMA synchronous = FULL",
    "PRAGMA foreign_keys = ON",
)


def enable_wal(file: Path) -> None:
    """Let readers and the writer of the file not wait for each other; the file remembers it.

    Blocks for up to `BUSY_TIMEOUT_MS`. SQLite does not wait by itself when several processes want
    to change the mode at once, as when two start on a new file.

    Raises:
        sqlite3.Error: The file cannot be used, or is locked for longer.
    """
    give_up_at = time.monotonic() + BUSY_TIMEOUT_MS / 1000
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


def configure_sqlite(engine: AsyncEngine) -> None:
    """Register what has to happen to a connection that is new, begins, or is given up."""
    # At DEBUG the driver writes every statement with its parameters, and messages are among them.
    logging.getLogger("aiosqlite").setLevel(logging.WARNING)
    event.listen(engine.sync_engine, "connect", _prepare)
    event.listen(engine.sync_engine, "begin", _begin)
    event.listen(engine.sync_engine, "invalidate", _roll_back)


def _prepare(connection: DBAPIConnection, entry: ConnectionPoolEntry) -> None:
    del entry
    # The driver would begin transactions by itself, late and deferred (SQLAlchemy's documentation,
    # "Serializable isolation / Savepoints / Transactional DDL").
    connection.isolation_level = None
    cursor = connection.cursor()
    for pragma in _PRAGMAS:
        cursor.execute(pragma)
    cursor.close()


def _begin(connection: Connection) -> None:
    # A deferred transaction that reads and then writes fails at once, whatever the busy timeout,
    # when another process has written in between: so writers take the lock first.
    writes = connection.get_execution_options().get(WRITES, False)
    connection.exec_driver_sql("BEGIN IMMEDIATE" if writes else "BEGIN")


def _roll_back(
    connection: DBAPIConnection, entry: ConnectionPoolEntry, error: BaseException | None
) -> None:
    # Closing is not enough: while somebody (a traceback) holds the cursor of an interrupted
    # statement, SQLite keeps the closed connection alive, and with it the lock on the file.
    del entry, error
    with suppress(sqlite3.Error):
        connection.rollback()
