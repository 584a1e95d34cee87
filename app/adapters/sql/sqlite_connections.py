"""How SQLite is set up: pragmas for every connection, and transactions that begin as told."""

import logging
import sqlite3
from contextlib import suppress

from sqlalchemy import Connection, event
from sqlalchemy.engine.interfaces import DBAPIConnection
from sqlalchemy.ext.asyncio import AsyncEngine
from sqlalchemy.pool import ConnectionPoolEntry

BUSY_TIMEOUT_MS = 2_000
WRITES = "writes"
"""The execution option of a connection that is going to write."""

_PRAGMAS = (
    # First, so that the others wait for a lock too.
    f"PRAGMA busy_timeout = {BUSY_TIMEOUT_MS}",
    "PRAGMA journal_mode = WAL",
    # NORMAL would lose the last commits on a power cut; an ack means stored.
    "PRAGMA synchronous = FULL",
    "PRAGMA foreign_keys = ON",
)


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
