"""Tests app/adapters/sql/connection/database.py: transactions that fail or are cancelled."""

import asyncio
import logging
import traceback
from itertools import count
from time import monotonic

import pytest
from sqlalchemy import Connection, event, text
from sqlalchemy.util import await_only

from app.adapters.sql.connection.database import Database
from app.domain.errors import StorageRejected, Unavailable, Unconfirmed
from tests.contract.storage import BOB, CAROL, GENERAL, Storage, add, add_one, draft
from tests.deadlines import ANSWER_SECONDS
from tests.unit.adapters.sql.insisting import insist

STATEMENTS_OF_A_SEND = 7
SECRET = "what-alice-wrote-to-bob"
FAIL_ON_DELIVERY = """
CREATE TRIGGER fail BEFORE INSERT ON message_deliveries
BEGIN SELECT RAISE(ABORT, 'made to fail'); END
"""
FOR_EVER = "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n) SELECT max(i) FROM n"


async def test_nothing_is_half_stored_when_a_statement_fails_in_the_middle(
    database: Database, storage: Storage
) -> None:
    """The failed send uses no sequence and no client message id, so a repeated send succeeds."""
    async with database.transaction() as connection:
        await connection.execute(text(FAIL_ON_DELIVERY))
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
        await connection.execute(text(FAIL_ON_DELIVERY))

    with pytest.raises(Unavailable) as caught:
        await add(storage, draft(content=SECRET))

    shown = "".join(traceback.format_exception(caught.value))
    assert "The storage is not available now; nothing was done." == str(caught.value)
    assert SECRET not in shown + caplog.text
    assert "the database failed: SQLITE_CONSTRAINT" in caplog.text


@pytest.mark.parametrize("statement", range(1, STATEMENTS_OF_A_SEND + 1))
async def test_nothing_is_stored_when_a_send_is_cancelled_at_any_statement(
    database: Database, storage: Storage, statement: int
) -> None:
    """The interrupted connection is closed and its lock released, so the next send succeeds."""
    executed = count(1)

    def cancel(*_: object) -> None:
        if next(executed) == statement:
            send.cancel()

    engine = database._engines.reading.sync_engine
    event.listen(engine, "before_cursor_execute", cancel)
    send = asyncio.create_task(add(storage, draft(client_message_id="c-1")))
    await asyncio.wait([send])
    event.remove(engine, "before_cursor_execute", cancel)

    stored = await add(storage, draft(client_message_id="c-1"))

    assert send.cancelled()
    assert 1 == stored.seq


async def test_a_send_is_whole_or_absent_when_it_is_cancelled_while_it_commits(
    database: Database, storage: Storage
) -> None:
    """Sending the same client message id again returns the stored message, or stores it."""
    engine = database._engines.reading.sync_engine
    event.listen(engine, "commit", lambda _: send.cancel(), once=True)
    send = asyncio.create_task(add(storage, draft(client_message_id="c-1")))
    await asyncio.wait([send])

    await add_one(storage, draft(client_message_id="c-1"))

    assert send.cancelled()
    assert 1 == len(await storage.messages.list_after(GENERAL, BOB, 0, 10))
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
    database: Database, storage: Storage
) -> None:
    """While the commit hangs, other writers wait; it completes when the disk works again."""
    disk_is_back = asyncio.Event()

    def hang(_: Connection) -> None:
        await_only(disk_is_back.wait())

    event.listen(database._engines.reading.sync_engine, "commit", hang, once=True)
    began = monotonic()
    with pytest.raises(Unconfirmed):
        await add(storage, draft())
    took = monotonic() - began
    with pytest.raises(Unavailable) as late:
        await add(storage, draft())
    disk_is_back.set()

    following = await insist(lambda: add(storage, draft()))
    assert took < ANSWER_SECONDS
    assert Unavailable is type(late.value)
    assert 2 == following.seq
