import asyncio
import sqlite3
import threading
from contextlib import closing
from pathlib import Path

import pytest
from sqlalchemy import func, select, text

from app.adapters.sql.connection.database import Database
from app.adapters.sql.connection.opening import DatabaseOpenError
from app.adapters.sql.revocation_store import SqlRevocationStore
from app.adapters.sql.schema.tables import message_sequences, users
from app.domain.credential import Revocation
from app.domain.delivery import DeliveryState
from app.domain.errors import NotAMember, Unavailable
from app.ports import StoredMessage
from tests.contract.receipts import advanced
from tests.contract.storage import (
    ALICE,
    BOB,
    CAROL,
    GENERAL,
    RANDOM,
    Storage,
    add,
    add_one,
    draft,
    sql_storage,
)
from tests.deadlines import ANSWER_SECONDS
from tests.doubles.manual_clock import ManualClock
from tests.unit.adapters.sql.insisting import insist


async def test_everything_is_there_when_the_database_is_opened_again(
    database: Database, storage: Storage, url: str
) -> None:
    """Messages, sequences, client message ids, deliveries and revocations survive a restart."""
    clock = ManualClock()
    stored = await add(storage, draft(client_message_id="c-1"))
    advance = await advanced(storage, stored.id, BOB, DeliveryState.READ)
    await SqlRevocationStore(database, clock).add(Revocation.of_token("a.b.c"), ttl_seconds=60)
    await database.on_application_shutdown(None)

    reopened = Database(url, migrate=False)
    await reopened.on_module_init()
    again = sql_storage(reopened)
    repeated = await add_one(again, draft(client_message_id="c-1"))
    following = await add(again, draft())
    statuses = (await again.deliveries.statuses(stored.id, ALICE)).statuses
    revoked = await SqlRevocationStore(reopened, clock).contains_token("a.b.c")
    channels = await again.channels.channels_of(BOB)
    await reopened.on_application_shutdown(None)

    assert StoredMessage(stored, is_new=False) == repeated
    assert 2 == following.seq
    assert advance.status in statuses
    assert revoked
    assert (GENERAL, RANDOM) == channels


async def test_every_connection_is_durable_and_checks_keys_when_it_is_opened(
    database: Database,
) -> None:
    """Every connection uses WAL, synchronous FULL (2), foreign keys and the busy timeout."""
    pragmas = ("journal_mode", "synchronous", "foreign_keys", "busy_timeout")

    async with database.transaction() as writing, database.reading() as reading:
        found = [
            [await connection.scalar(text(f"PRAGMA {pragma}")) for pragma in pragmas]
            for connection in (writing, reading)
        ]

    assert [["wal", 2, 1, 1_500]] * 2 == found


async def test_a_transaction_leaves_nothing_when_the_domain_refuses_inside(
    database: Database,
) -> None:
    """A domain error rolls the transaction back, and reaches the caller unchanged."""
    new_user = users.insert().values(id="user_eve", updatedAt=func.current_timestamp())

    async def write_and_refuse() -> None:
        async with database.transaction() as connection:
            await connection.execute(new_user)
            raise NotAMember

    with pytest.raises(NotAMember):
        await write_and_refuse()

    async with database.reading() as connection:
        assert 0 == await connection.scalar(select(func.count()).select_from(users))


async def test_a_write_is_unavailable_and_a_read_is_not_when_another_process_holds_the_lock(
    storage: Storage, file: Path
) -> None:
    """The writer fails within its timeout, nothing is stored, and the next writer succeeds."""
    with closing(sqlite3.connect(file, isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        with pytest.raises(Unavailable):
            await asyncio.wait_for(add(storage, draft()), timeout=ANSWER_SECONDS)
        read = await storage.messages.list_after(GENERAL, ALICE, 0, 10)
        other.execute("ROLLBACK")

    stored = await insist(lambda: add(storage, draft()))

    assert () == read
    assert 1 == stored.seq


@pytest.mark.parametrize(
    ("occupant", "path", "sentence"),
    [
        (b"", "taken/chat.db", "The folder"),
        (b"no database" * 100, "taken", "is no SQLite database"),
    ],
)
async def test_opening_names_the_fix_when_the_file_cannot_be_a_database(
    tmp_path: Path, occupant: bytes, path: str, sentence: str
) -> None:
    (tmp_path / "taken").write_bytes(occupant)
    database = Database(f"sqlite:///{tmp_path}/{path}", migrate=True)

    with pytest.raises(DatabaseOpenError, match=sentence):
        await database.on_module_init()

    await database.on_application_shutdown(None)


async def test_both_ways_are_unavailable_when_the_file_is_not_in_its_place(
    database: Database, storage: Storage, file: Path
) -> None:
    """If the file was deleted, reads and writes are rejected, and no new file is created."""
    await asyncio.to_thread(file.unlink)

    with pytest.raises(Unavailable):
        await add(storage, draft())
    with pytest.raises(Unavailable):
        await storage.channels.channels_of(ALICE)

    await database.on_application_shutdown(None)
    assert not await asyncio.to_thread(file.exists)


async def test_another_file_is_left_alone_when_it_takes_the_place_of_the_open_one(
    database: Database, storage: Storage, file: Path
) -> None:
    """Operations and the shutdown do not write to the other file."""
    other = file.with_name("other.db")
    other.write_bytes(b"somebody else's")
    other.replace(file)

    with pytest.raises(Unavailable):
        await add(storage, draft())

    await database.on_application_shutdown(None)
    assert b"somebody else's" == await asyncio.to_thread(file.read_bytes)


async def test_both_ways_are_unavailable_when_the_database_is_closed(
    database: Database, storage: Storage
) -> None:
    """After the shutdown, no operation opens the database again."""
    await database.on_application_shutdown(None)

    with pytest.raises(Unavailable):
        await add(storage, draft())
    with pytest.raises(Unavailable):
        await storage.channels.channels_of(ALICE)


async def test_closing_lets_what_is_running_end_when_sends_are_under_way(
    database: Database, storage: Storage
) -> None:
    """Operations that began before the shutdown succeed, and no thread is left."""
    sends = [asyncio.create_task(add(storage, draft())) for _ in range(5)]
    await asyncio.sleep(0)

    await database.on_application_shutdown(None)

    workers = [each for each in threading.enumerate() if "_connection_worker" in each.name]
    for worker in workers:
        # A connection's thread ends shortly after the connection is closed.
        worker.join(timeout=ANSWER_SECONDS)
    assert [1, 2, 3, 4, 5] == [(await send).seq for send in sends]
    assert [] == [worker for worker in workers if worker.is_alive()]


async def test_reads_go_on_when_a_write_takes_long(database: Database, storage: Storage) -> None:
    """Readers do not wait for the writer, and do not see uncommitted rows."""
    async with database.transaction() as connection:
        await connection.execute(text("DELETE FROM channel_members"))
        async with asyncio.timeout(ANSWER_SECONDS):
            channels = await storage.channels.channels_of(CAROL)

    assert (GENERAL,) == channels
    assert () == await storage.channels.channels_of(CAROL)


async def test_a_read_sees_one_state_when_something_is_written_meanwhile(
    database: Database, storage: Storage
) -> None:
    count = select(func.count()).select_from(message_sequences)

    async with database.reading() as connection:
        before = await connection.scalar(count)
        await add(storage, draft())
        after = await connection.scalar(count)

    assert before == after
