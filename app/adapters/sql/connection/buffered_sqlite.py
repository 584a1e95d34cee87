"""aiosqlite with one hop to its thread for a statement, where it has four.

SQLAlchemy makes a cursor, executes, fetches and closes, and with aiosqlite each of these goes to
the connection's thread and back: for a short statement most of its price (`make storage`).
"""

import sqlite3
from collections.abc import Sequence
from functools import partial
from typing import Any, Self, TypeAlias

import aiosqlite

_Parameters: TypeAlias = Sequence[Any]

_CHUNK_ROWS = 64  # what aiosqlite wants to know for its own cursors


def connect_buffered(*args: Any, **kwargs: Any) -> "BufferedConnection":
    """An ``async_creator_fn`` for SQLAlchemy: takes what `sqlite3.connect` takes."""
    return BufferedConnection(partial(sqlite3.connect, *args, **kwargs), _CHUNK_ROWS)


class BufferedConnection(aiosqlite.Connection):
    """A connection whose cursors hold the whole result of a statement when it has run."""

    def __init__(self, connector: partial[sqlite3.Connection], iter_chunk_size: int) -> None:
        super().__init__(connector, iter_chunk_size)
        self._thread.daemon = True  # as SQLAlchemy has it: a thread that hangs stops no exit

    def cursor(self, *_: Any, **__: Any) -> Any:
        """A cursor; nothing happens until it executes."""
        return BufferedCursor(self)

    async def run(self, sql: str, parameters: _Parameters) -> "BufferedResult":
        """Execute a statement and fetch what it gives."""
        result: BufferedResult = await self._execute(self._run, sql, parameters)  # type: ignore[no-untyped-call] # aiosqlite's
        return result

    async def run_many(self, sql: str, parameters: Sequence[_Parameters]) -> "BufferedResult":
        """Execute a statement for each of the parameters; it gives nothing."""
        result: BufferedResult = await self._execute(self._run_many, sql, parameters)  # type: ignore[no-untyped-call] # likewise
        return result

    def _run(self, sql: str, parameters: _Parameters) -> "BufferedResult":
        return BufferedResult(self._conn.execute(sql, parameters))

    def _run_many(self, sql: str, parameters: Sequence[_Parameters]) -> "BufferedResult":
        return BufferedResult(self._conn.executemany(sql, parameters))


class BufferedResult:
    """What a statement gave; made in the connection's thread, where its cursor ends, too."""

    __slots__ = ("description", "lastrowid", "rowcount", "rows")

    def __init__(self, cursor: sqlite3.Cursor) -> None:
        try:
            self.description = cursor.description
            self.rows: list[Any] = [] if cursor.description is None else cursor.fetchall()
            self.rowcount = cursor.rowcount
            self.lastrowid = cursor.lastrowid
        finally:
            cursor.close()


class BufferedCursor:
    """As much of aiosqlite's cursor as SQLAlchemy uses."""

    __slots__ = ("_connection", "_result")

    def __init__(self, connection: BufferedConnection) -> None:
        self._connection = connection
        self._result: BufferedResult | None = None

    @property
    def description(self) -> Any:
        """The columns of the result; None without one."""
        return None if self._result is None else self._result.description

    @property
    def rowcount(self) -> int:
        """How many rows were changed; -1 where that says nothing."""
        return -1 if self._result is None else self._result.rowcount

    @property
    def lastrowid(self) -> int | None:
        """The number of the last row inserted."""
        return None if self._result is None else self._result.lastrowid

    async def __aenter__(self) -> Self:
        return self

    async def execute(self, sql: str, parameters: _Parameters = ()) -> Self:
        """Run a statement."""
        self._result = await self._connection.run(sql, parameters)
        return self

    async def executemany(self, sql: str, parameters: Sequence[_Parameters]) -> Self:
        """Run a statement for each of the parameters."""
        self._result = await self._connection.run_many(sql, parameters)
        return self

    async def fetchall(self) -> Sequence[Any]:
        """The rows, once."""
        if self._result is None:
            return ()
        rows, self._result.rows = self._result.rows, []
        return rows

    async def close(self) -> None:
        """There is nothing left to close."""
