"""The common parts of the SQLAlchemy engines for SQLite and PostgreSQL."""

import sqlite3
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import Any, Final, Protocol, TypeVar

from sqlalchemy import Executable
from sqlalchemy.ext.asyncio import AsyncEngine
from sqlalchemy.pool import PoolProxiedConnection

Result = TypeVar("Result")
_Result_co = TypeVar("_Result_co", covariant=True)


class PostgresConnection(Protocol):
    """The part of asyncpg's connection that a `Write` uses."""

    async def fetch(self, query: str, *args: object) -> Sequence[Sequence[Any]]:
        """Run a statement and return its rows. Without a pooler, prepared statements are cached."""
        ...


POOL_OPTIONS: Final[dict[str, Any]] = {
    # Keep statement parameters, such as chat messages, out of exception texts and logs.
    "hide_parameters": True,
    "max_overflow": 0,
    # Every operation ends its own transaction, so the pool need not roll back.
    "pool_reset_on_return": None,
}
"""Options of ``create_async_engine``."""


class Write(Protocol[_Result_co]):
    """A frequent write that uses the driver directly.

    SQLAlchemy would take more time than the statements themselves.
    """

    def on_sqlite(self, connection: sqlite3.Connection) -> _Result_co:
        """Run in the thread of an SQLite connection, inside a transaction."""
        ...

    async def on_postgres(self, connection: PostgresConnection) -> _Result_co:
        """Run a single statement, which PostgreSQL commits at once outside a transaction."""
        ...


@dataclass(frozen=True, slots=True)
class Query:
    """A frequent query that uses the driver directly, like `Write`.

    On SQLite, a list is passed as JSON: use ``IN (SELECT value FROM json_each(?))``.
    """

    on_postgres: str
    on_sqlite: str


@dataclass(frozen=True, slots=True)
class Engines:
    """Three engines that share a pool with one connection per reader and one per writer.

    Attributes:
        writing: The engine for transactions that may write.
        reading: The engine for transactions whose queries all see the same state of the database.
        asking: The engine for single queries without a transaction.
        writers: The maximum number of concurrent transactions of ``writing``.
        readers: The maximum number of concurrent transactions and queries of ``reading`` and
            ``asking``.
        writing_checks: Statements that fail if ``writing`` cannot store messages at present. They
            change nothing, and do not wait for locks.
        reading_checks: Statements that fail if ``reading`` cannot read messages at present. They
            change nothing, and do not wait for locks.
        write: Runs a `Write` on a connection of ``writing``, commits, and returns the connection to
            the pool.
        fetch: Runs a `Query` with its parameters on a connection of ``asking``, and returns the
            connection to the pool.
    """

    writing: AsyncEngine
    reading: AsyncEngine
    asking: AsyncEngine
    writers: int
    readers: int
    writing_checks: Sequence[Executable]
    reading_checks: Sequence[Executable]
    write: Callable[[PoolProxiedConnection, Write[Any]], Awaitable[Any]]
    fetch: Callable[
        [PoolProxiedConnection, Query, Sequence[object]], Awaitable[Sequence[Sequence[Any]]]
    ]
