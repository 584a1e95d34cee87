"""A database that counts its frequent writes, and records their statements."""

import asyncio
import sqlite3
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from app.adapters.sql.connection.database import Database
from app.adapters.sql.connection.engines import PostgresConnection, Result, Write
from app.adapters.sql.connection.limits import DatabaseLimits
from tests.unit.adapters.sql.statements import Statement


class CountingDatabase(Database):
    """Counts the calls of `write`.

    Attributes:
        statements: The statements of all writes. SQLite's statements contain their parameters.
    """

    def __init__(self, url: str, *, migrate: bool, limits: DatabaseLimits) -> None:
        super().__init__(url, migrate=migrate, limits=limits)
        self.writes = 0
        self.statements: list[Statement] = []
        self._changed = asyncio.Condition()

    async def write(self, write: Write[Result]) -> Result:
        """Count the call, and run it."""
        async with self._changed:
            self.writes += 1
            self._changed.notify_all()
        return await super().write(_RecordedWrite(write, self.statements))

    async def until_writes(self, count: int) -> None:
        """Return when this many writes have begun; only pytest's timeout limits the wait."""
        async with self._changed:
            await self._changed.wait_for(lambda: self.writes >= count)


@dataclass(frozen=True, slots=True)
class _RecordedWrite(Write[Result]):
    write: Write[Result]
    statements: list[Statement]

    def on_sqlite(self, connection: sqlite3.Connection) -> Result:
        connection.set_trace_callback(lambda statement: self.statements.append((statement, ())))
        try:
            return self.write.on_sqlite(connection)
        finally:
            connection.set_trace_callback(None)

    async def on_postgres(self, connection: PostgresConnection) -> Result:
        return await self.write.on_postgres(_RecordedConnection(connection, self.statements))


@dataclass(frozen=True, slots=True)
class _RecordedConnection(PostgresConnection):
    connection: PostgresConnection
    statements: list[Statement]

    async def fetch(self, query: str, *args: object) -> Sequence[Sequence[Any]]:
        self.statements.append((query, args))
        return await self.connection.fetch(query, *args)
