"""Tests reports of deliveries during concurrent deletions and reports.

The tested modules are app/adapters/sql/deliveries/advance_in_order.py and
app/adapters/sql/deliveries/advance_in_any_order.py.
"""

import asyncio
from datetime import timedelta

import pytest
from sqlalchemy import Table, delete, select, text, update

from app.adapters.sql.schema.tables import channels, messages, users
from app.domain.delivery import DeliveryState
from app.domain.errors import MessageNotFound, Unavailable
from app.domain.ids import UserId, new_message_id
from app.domain.message import MessageDraft
from app.ports import Advance, Report
from tests.contract.receipts import own_state, sent
from tests.contract.storage import ALICE, BOB, CAROL, GENERAL, Storage
from tests.doubles.manual_clock import DEFAULT_START as NOW
from tests.unit.adapters.sql.counting_database import CountingDatabase

LATER = NOW + timedelta(seconds=1)
SLOWNESS_SECONDS = 0.6
SLOW_INSERT = text(
    f"""
    INSERT INTO read_receipts ("messageId", "userId")
    SELECT id, '{BOB}' FROM (VALUES (:message, 0), (:other, {SLOWNESS_SECONDS})) AS row (id, pause)
    CROSS JOIN LATERAL pg_sleep(pause)
    """  # noqa: S608 - our own statement
)
"""Inserts a receipt, waits, inserts another receipt, and then checks and locks both messages."""


@pytest.fixture
def database(counting_database: CountingDatabase) -> CountingDatabase:
    """A PostgreSQL database, because SQLite has only one writer."""
    return counting_database


async def test_both_succeed_when_a_reporter_is_being_deleted(
    database: CountingDatabase, storage: Storage
) -> None:
    """The deleted user's report fails, and the other report of the batch succeeds."""
    message = await sent(storage)
    reports = [Report(message.id, user_id, DeliveryState.READ) for user_id in (BOB, CAROL)]

    async with database.transaction() as connection:
        await connection.execute(delete(users).where(users.c.id == BOB))
        before = database.writes
        reporting = asyncio.create_task(storage.deliveries.advance_all(reports, LATER))
        await database.until_writes(before + 2)

    assert [MessageNotFound, Advance] == [type(outcome) for outcome in await reporting]
    await storage.deliveries.advance_all([Report(message.id, CAROL, DeliveryState.READ)], LATER)


@pytest.mark.parametrize(("table", "row_id"), [(users, BOB), (channels, GENERAL)])
async def test_reports_fail_when_their_messages_are_being_deleted(
    database: CountingDatabase, storage: Storage, table: Table, row_id: str
) -> None:
    """The deletion of an author or a channel deletes messages in an arbitrary order."""
    ids = [new_message_id() for _ in range(3)]
    await storage.messages.add_all(
        [MessageDraft(each, GENERAL, BOB, "hello", None) for each in ids], NOW
    )
    reports = [Report(message_id, ALICE, DeliveryState.READ) for message_id in ids]

    async with database.transaction() as connection:
        await connection.execute(delete(table).where(table.c.id == row_id))
        before = database.writes
        reporting = asyncio.create_task(storage.deliveries.advance_all(reports, LATER))
        await database.until_writes(before + 2)

    assert [MessageNotFound] * 3 == [type(outcome) for outcome in await reporting]


async def test_report_is_unavailable_when_its_message_is_locked_for_long(
    database: CountingDatabase, storage: Storage
) -> None:
    """Another program holds the lock; the report about the other message is stored."""
    locked, other = await sent(storage), await sent(storage)
    reports = [Report(each.id, BOB, DeliveryState.READ) for each in (locked, other)]

    async with database.transaction() as connection:
        await connection.execute(
            select(messages.c.id).where(messages.c.id == locked.id).with_for_update()
        )
        database.lock_seconds = 0.05
        outcomes = await storage.deliveries.advance_all(reports, LATER)

    assert [Unavailable, Advance] == [type(outcome) for outcome in outcomes]


async def test_the_message_follows_when_two_nodes_store_receipts_of_it_at_once(
    storage: Storage,
) -> None:
    """No batch overwrites the receipts of another batch: at the end, all have READ the message."""
    readers = [UserId(f"user_{number:03}") for number in range(60)]
    await storage.channels.seed({user_id: [GENERAL] for user_id in readers})
    message = await sent(storage)

    outcomes = await asyncio.gather(
        *(
            storage.deliveries.advance_all([Report(message.id, user_id, state)], LATER)
            for user_id in (*readers, BOB, CAROL)
            for state in (DeliveryState.DELIVERED, DeliveryState.READ)
        )
    )

    assert {Advance} == {type(outcome) for (outcome,) in outcomes}
    assert DeliveryState.READ is await own_state(storage, message)
    counts = [await storage.deliveries.undelivered_counts(each) for each in readers]
    assert [{}] * len(readers) == [each.channels for each in counts]


async def test_an_update_by_the_original_backend_is_kept_when_receipts_are_stored(
    database: CountingDatabase, storage: Storage
) -> None:
    """A report that waits for the row's lock does not overwrite a content changed meanwhile."""
    message = await sent(storage)
    async with database.transaction() as connection:
        await connection.execute(
            update(messages).where(messages.c.id == message.id).values(content="edited")
        )
        before = database.writes
        reporting = asyncio.create_task(
            storage.deliveries.advance_all([Report(message.id, BOB, DeliveryState.READ)], LATER)
        )
        await database.until_writes(before + 2)
    await reporting

    stored = await storage.messages.find(message.id)
    assert stored is not None
    assert "edited" == stored.content


async def test_all_reports_succeed_when_the_original_backend_inserts_the_same_read_receipt(
    database: CountingDatabase, storage: Storage
) -> None:
    """Its insert locks the receipt first and the message last, so there is a deadlock.

    Usually PostgreSQL aborts the reports, because they began to wait first.
    """
    message = await sent(storage)
    other = await sent(storage, BOB)
    reports = [
        Report(message.id, BOB, DeliveryState.READ),
        Report(other.id, CAROL, DeliveryState.READ),
    ]

    async def insert_slowly() -> None:
        async with database.transaction() as connection:
            await connection.execute(SLOW_INSERT, {"message": message.id, "other": other.id})

    inserting = asyncio.create_task(insert_slowly())
    await asyncio.sleep(SLOWNESS_SECONDS / 2)
    outcomes = await storage.deliveries.advance_all(reports, LATER)
    await asyncio.wait([inserting])

    assert [Advance, Advance] == [type(outcome) for outcome in outcomes]
