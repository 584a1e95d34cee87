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
    """The method of asyncpg's connection that writes use."""

    async def fetch(self, query: str, *args: object) -> Sequence[Sequence[Any]]:
        """Run a statement, which is prepared once per connection, and return its rows."""
        ...


POOL_OPTIONS: Final[dict[str, Any]] = {
    # Keep statement parameters, such as chat messages, out of exception texts and logs.
    "hide_parameters": True,
    "max_overflow": 0,
    # The pool need not roll back: every block ends its own transaction.
    "pool_reset_on_return": None,
}
"""Options of ``create_async_engine``."""


class Write(Protocol[_Result_co]):
    """A frequent write that uses the driver directly: SQLAlchemy costs more than the statements."""

    def on_sqlite(self, connection: sqlite3.Connection) -> _Result_co:
        """Run in the thread of an SQLite connection, inside a transaction."""
        ...

    async def on_postgres(self, connection: PostgresConnection) -> _Result_co:
        """Run one statement on PostgreSQL, which commits it at its end."""
        ...


@dataclass(frozen=True, slots=True)
class Engines:
    """Three engines that share a connection pool with one connection for each reader and writer.

    Attributes:
        writing: The engine for transactions that may write.
        reading: The engine for transactions that see the same state of the database until their
            end.
        asking: The engine for single queries without a transaction.
        writers: The maximum number of concurrent transactions of ``writing``.
        readers: The maximum number of concurrent transactions and queries of ``reading`` and
            ``asking``.
        writing_checks: Statements for ``writing`` that fail if messages cannot be stored now. The
            statements change nothing, and do not wait for locks.
        reading_checks: Statements of the same kind for ``reading``, which fail if messages cannot
            be read.
        write: Runs a `Write` on a connection of ``writing``, commits it, and gives the connection
            back.
    """

    writing: AsyncEngine
    reading: AsyncEngine
    asking: AsyncEngine
    writers: int
    readers: int
    writing_checks: Sequence[Executable]
    reading_checks: Sequence[Executable]
    write: Callable[[PoolProxiedConnection, Write[Any]], Awaitable[Any]]
