"""Tests the driver of app/adapters/sql/connection/sqlite.py."""

import asyncio
import sqlite3
import threading
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import text
from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import AsyncConnection, create_async_engine

from app.adapters.sql.connection.sqlite import connect_buffered


class Hops:
    """Counts the calls that connections make in their SQLite threads."""

    count = 0

    def connect(self, *args: Any, **kwargs: Any) -> Any:
        """Open a connection, and add each of its calls to `count`."""
        connection = connect_buffered(*args, **kwargs)
        execute = connection._execute

        async def counted(*args: Any, **kwargs: Any) -> Any:
            self.count += 1
            return await execute(*args, **kwargs)  # type: ignore[no-untyped-call] # untyped in aiosqlite

        connection._execute = counted  # type: ignore[method-assign] # to count
        return connection


@pytest.fixture
def hops() -> Hops:
    return Hops()


@pytest.fixture
async def connection(tmp_path: Path, hops: Hops) -> AsyncIterator[AsyncConnection]:
    """A connection in a transaction, with an empty table."""
    engine = create_async_engine(
        f"sqlite+aiosqlite:///{tmp_path / 'test.db'}",
        connect_args={"async_creator_fn": hops.connect},
    )
    async with engine.connect() as connection:
        await connection.execute(text("CREATE TABLE t (i INTEGER PRIMARY KEY, s TEXT NOT NULL)"))
        yield connection
    await engine.dispose()


async def test_statement_takes_one_hop_when_it_gives_rows(
    connection: AsyncConnection, hops: Hops
) -> None:
    """The result has the rows and the names of the columns."""
    hops.count = 0

    rows = (await connection.execute(text("SELECT 1 AS one, 'x' AS two"))).mappings().all()

    assert [{"one": 1, "two": "x"}] == [dict(row) for row in rows]
    assert 1 == hops.count


async def test_statement_takes_one_hop_when_it_changes_many_rows(
    connection: AsyncConnection, hops: Hops
) -> None:
    hops.count = 0

    many = await connection.execute(
        text("INSERT INTO t (s) VALUES (:s)"), [{"s": "a"}, {"s": "b"}, {"s": "c"}]
    )
    changed = await connection.execute(text("UPDATE t SET s = 'd' WHERE i > 1"))
    given = await connection.scalars(text("DELETE FROM t WHERE s = 'd' RETURNING i"))

    assert (3, 2, [2, 3]) == (many.rowcount, changed.rowcount, sorted(given.all()))
    assert 3 == hops.count


async def test_next_statement_runs_when_one_has_failed(connection: AsyncConnection) -> None:
    with pytest.raises(IntegrityError):
        await connection.execute(text("INSERT INTO t (s) VALUES (NULL)"))

    assert 0 == await connection.scalar(text("SELECT count(*) FROM t"))


async def test_result_is_empty_when_nothing_matches(connection: AsyncConnection) -> None:
    result = await connection.execute(text("SELECT i, s FROM t"))

    assert (["i", "s"], []) == (list(result.keys()), list(result.all()))


async def test_connection_is_closed_when_its_caller_is_cancelled_while_it_opens() -> None:
    """The thread that still opens the connection closes it, so no file stays open."""
    is_opening, may_open = threading.Event(), threading.Event()
    made = []

    def open_slowly(*args: Any, **kwargs: Any) -> sqlite3.Connection:
        is_opening.set()
        may_open.wait()
        made.append(sqlite3.Connection(*args, **kwargs))
        return made[0]

    connection = connect_buffered(":memory:", check_same_thread=False, factory=open_slowly)
    opening = asyncio.ensure_future(connection)
    await asyncio.to_thread(is_opening.wait)

    opening.cancel()
    await asyncio.wait([opening])
    may_open.set()
    await asyncio.to_thread(connection._thread.join)

    assert opening.cancelled()
    with pytest.raises(sqlite3.ProgrammingError, match="closed database"):
        made[0].execute("SELECT 1")
