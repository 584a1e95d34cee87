"""How SQLite is set up: pragmas for every connection, and transactions that begin as told."""

import logging

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
    """Register what has to happen on each new connection and at each BEGIN."""
    # At DEBUG the driver writes every statement with its parameters, and messages are among them.
    logging.getLogger("aiosqlite").setLevel(logging.WARNING)
    event.listen(engine.sync_engine, "connect", _prepare)
    event.listen(engine.sync_engine, "begin", _begin)


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
