"""Tests transactions that fail or are cancelled (app/adapters/sql/connection/database.py)."""

import asyncio
import logging
import sqlite3
import threading
import traceback
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass
from itertools import count
from time import monotonic

import pytest
from sqlalchemy import text

from app.adapters.sql.connection.database import Database
from app.adapters.sql.connection.engines import PostgresConnection, Result, Write
from app.domain.errors import StorageRejected, Unavailable, Unconfirmed
from app.ports import StoredMessage
from tests.contract.storage import (
    CAROL,
    GENERAL,
    MEMBERSHIP,
    Storage,
    add,
    add_one,
    draft,
    opened,
    sql_storage,
)
from tests.deadlines import ANSWER_SECONDS
from tests.unit.adapters.sql.insisting import insist

STATEMENTS_OF_A_SEND = 8
"""The number of statements that store a message with a client message id, including COMMIT."""
SECRET = "what-alice-wrote-to-bob"
FAIL_ON_SEQUENCE = """
CREATE TRIGGER fail BEFORE INSERT ON message_sequences
BEGIN SELECT RAISE(ABORT, 'made to fail'); END
"""
FOR_EVER = "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n) SELECT max(i) FROM n"


class WatchedDatabase(Database):
    """Calls ``on_statement`` in SQLite's thread for each statement of a write, with its number."""

    on_statement: Callable[[int], object] | None = None

    async def write(self, write: Write[Result]) -> Result:
        return await super().write(_WatchedWrite(write, self))


@dataclass(frozen=True, slots=True)
class _WatchedWrite(Write[Result]):
    write: Write[Result]
    database: WatchedDatabase

    def on_sqlite(self, connection: sqlite3.Connection) -> Result:
        numbers = count(1)

        def trace(_: str) -> None:
            number = next(numbers)
            if self.database.on_statement is not None:
                self.database.on_statement(number)

        connection.set_trace_callback(trace)  # The callback also runs for the COMMIT.
        return self.write.on_sqlite(connection)

    async def on_postgres(self, connection: PostgresConnection) -> Result:
        return await self.write.on_postgres(connection)


@pytest.fixture
async def watched_database(url: str) -> AsyncIterator[WatchedDatabase]:
    async with opened(WatchedDatabase(url, migrate=True)) as database:
        yield database


async def test_nothing_is_half_stored_when_a_statement_fails_in_the_middle(
    database: Database, storage: Storage
) -> None:
    """The failed send uses no sequence and no client message id, so a repeated send succeeds."""
    async with database.transaction() as connection:
        await connection.execute(text(FAIL_ON_SEQUENCE))
    with pytest.raises(StorageRejected):
        await add(storage, draft(client_message_id="c-1"))
    async with database.transaction() as connection:
        await connection.execute(text("DROP TRIGGER fail"))

    stored = await add(storage, draft(client_message_id="c-1"))

    assert 1 == stored.seq


async def test_a_failure_tells_nothing_of_the_message_when_it_is_raised_and_logged(
    database: Database, storage: Storage, caplog: pytest.LogCaptureFixture
) -> None:
    """The error, its traceback and the logs at all levels do not contain the chat message."""
    caplog.set_level(logging.DEBUG)
    await add(storage, draft(content=SECRET))
    async with database.transaction() as connection:
        await connection.execute(text(FAIL_ON_SEQUENCE))

    with pytest.raises(Unavailable) as caught:
        await add(storage, draft(content=SECRET))

    shown = "".join(traceback.format_exception(caught.value))
    assert "The storage is not available now; nothing was done." == str(caught.value)
    assert SECRET not in shown + caplog.text
    assert "the database failed: SQLITE_CONSTRAINT" in caplog.text


@pytest.mark.parametrize("statement", range(1, STATEMENTS_OF_A_SEND + 1))
async def test_a_send_is_whole_when_it_is_cancelled_at_any_statement(
    watched_database: WatchedDatabase, statement: int
) -> None:
    """The send still completes: sending the same client message id again returns its message."""
    storage = sql_storage(watched_database)
    await storage.channels.seed(MEMBERSHIP)
    send = asyncio.create_task(add(storage, draft(client_message_id="c-1")))
    loop = asyncio.get_running_loop()

    def cancel(number: int) -> None:
        if number == statement:
            loop.call_soon_threadsafe(send.cancel)

    watched_database.on_statement = cancel
    await asyncio.wait([send])
    watched_database.on_statement = None

    repeated = await add_one(storage, draft(client_message_id="c-1"))

    assert send.cancelled()
    assert isinstance(repeated, StoredMessage)
    assert (1, False) == (repeated.message.seq, repeated.is_new)
    assert {GENERAL: 1} == (await storage.deliveries.undelivered_counts(CAROL)).channels


async def test_an_operation_is_unavailable_when_it_takes_longer_than_its_bound(
    database: Database, storage: Storage
) -> None:
    """A writer that hangs and the writer that waits for it both fail within the timeout."""

    async def hang() -> None:
        async with database.transaction():
            await asyncio.Event().wait()

    outcomes = await asyncio.wait_for(
        asyncio.gather(hang(), add(storage, draft()), return_exceptions=True),
        timeout=ANSWER_SECONDS,
    )

    stored = await insist(lambda: add(storage, draft()))
    assert [Unavailable, Unavailable] == [type(outcome) for outcome in outcomes]
    assert 1 == stored.seq


@pytest.mark.parametrize("writes", [True, False])
async def test_an_operation_is_unavailable_in_time_when_its_statement_does_not_end(
    database: Database, storage: Storage, *, writes: bool
) -> None:
    """The statement is interrupted, and does not block the next operation."""

    async def run() -> None:
        async with database.transaction() if writes else database.reading() as connection:
            await connection.execute(text(FOR_EVER))

    began = monotonic()
    with pytest.raises(Unavailable):
        await run()
    took = monotonic() - began

    stored = await insist(lambda: add(storage, draft()))
    assert took < ANSWER_SECONDS
    assert 1 == stored.seq


async def test_a_commit_is_unconfirmed_in_time_when_the_disk_hangs(
    watched_database: WatchedDatabase,
) -> None:
    """While the commit hangs, other writers wait. The commit ends when the disk works again."""
    storage = sql_storage(watched_database)
    await storage.channels.seed(MEMBERSHIP)
    disk_is_back = threading.Event()
    watched_database.on_statement = lambda number: (
        disk_is_back.wait() if number == STATEMENTS_OF_A_SEND else None
    )
    began = monotonic()
    with pytest.raises(Unconfirmed):
        await add(storage, draft(client_message_id="c-1"))
    took = monotonic() - began
    with pytest.raises(Unavailable) as late:
        await add(storage, draft())
    watched_database.on_statement = None
    disk_is_back.set()

    following = await insist(lambda: add(storage, draft()))
    assert took < ANSWER_SECONDS
    assert Unavailable is type(late.value)
    assert 2 == following.seq
