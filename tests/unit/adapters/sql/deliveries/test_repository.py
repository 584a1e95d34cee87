"""Tests of the query plans and page limits, and of the original backend's columns."""

from datetime import timedelta

from sqlalchemy import delete, select, update

from app.adapters.sql.connection.database import Database
from app.adapters.sql.schema.tables import delivered_ranges, messages, read_receipts
from app.domain.delivery import DeliveryState
from tests.contract.receipts import advanced, own_state, sent
from tests.contract.storage import ALICE, BOB, CAROL, Storage
from tests.doubles.manual_clock import DEFAULT_START as NOW
from tests.unit.adapters.sql.statements import is_whole_table, plans_of, recorded

SENT, DELIVERED, READ = DeliveryState.SENT, DeliveryState.DELIVERED, DeliveryState.READ
LATER = NOW + timedelta(seconds=1)


async def test_statuses_are_read_by_their_keys_when_they_are_paged_and_counted(
    database: Database, storage: Storage
) -> None:
    """SQLite sorts only the page, and scans intermediate results, but no table."""
    message = await sent(storage)

    with recorded() as statements:
        await storage.deliveries.statuses(message.id, ALICE, 1, BOB)

    plans = await plans_of(database, statements)
    for table in ("memberships", "message_receipts"):
        by_key = [line for line in plans if f"SEARCH {table} USING PRIMARY KEY" in line]
        assert len(by_key) == sum(f" {table} " in line for line in plans) >= 2
    whole = {line for line in plans if is_whole_table(line)}
    assert {"SCAN anon_1", "SCAN anon_2", "SCAN anon_3"} >= whole
    assert 1 == sum("ORDER BY" in line for line in plans)


async def test_statuses_lists_a_recipient_once_when_their_range_is_missing(
    either_database: Database, either_storage: Storage
) -> None:
    """A member who has a receipt is not listed a second time as a recipient without one."""
    message = await sent(either_storage)
    await advanced(either_storage, message.id, BOB, READ, LATER)
    async with either_database.transaction() as connection:
        await connection.execute(delete(delivered_ranges))

    statuses = (await either_storage.deliveries.statuses(message.id, ALICE)).statuses

    assert [(BOB, READ, LATER), (CAROL, SENT, NOW)] == [
        (status.recipient_id, status.status, status.timestamp) for status in statuses
    ]


async def test_advance_all_writes_the_original_receipt_when_a_message_is_read(
    database: Database, storage: Storage
) -> None:
    """Only the first READ writes a receipt, and ``updatedAt`` stays unchanged."""
    message = await sent(storage)

    await advanced(storage, message.id, BOB, READ, LATER)
    await advanced(storage, message.id, BOB, READ, LATER + timedelta(seconds=1))
    await advanced(storage, message.id, CAROL, DELIVERED, LATER)

    async with database.reading() as connection:
        receipts = (await connection.execute(select(read_receipts))).all()
        changed_at = await connection.scalar(select(messages.c.updatedAt))
    assert [(message.id, BOB, LATER)] == [tuple(receipt) for receipt in receipts]
    assert NOW == changed_at


async def test_the_message_stays_delivered_when_the_original_backend_said_so(
    database: Database, storage: Storage
) -> None:
    """A message that the original backend marked DELIVERED never returns to SENT."""
    message = await sent(storage)
    async with database.transaction() as connection:
        await connection.execute(update(messages).values(deliveryStatus=DELIVERED))

    await advanced(storage, message.id, BOB, READ)
    after_one = await own_state(storage, message)
    await advanced(storage, message.id, CAROL, READ)

    assert (DELIVERED, READ) == (after_one, await own_state(storage, message))
