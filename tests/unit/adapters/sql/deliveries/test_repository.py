"""Tests of the statements, query plans and page limits, and of the original backend's columns."""

from datetime import timedelta

import pytest
from sqlalchemy import select, update

from app.adapters.sql.connection.database import Database
from app.adapters.sql.schema.tables import messages, read_receipts
from app.domain.delivery import DeliveryState
from app.domain.ids import UserId
from app.domain.message import Message
from app.ports import Report
from tests.contract.receipts import advanced, own_state, sent
from tests.contract.storage import ALICE, BOB, CAROL, GENERAL, RANDOM, Storage
from tests.doubles.manual_clock import DEFAULT_START as NOW
from tests.unit.adapters.sql.statements import is_whole_table, plans_of, recorded

DELIVERED, READ = DeliveryState.DELIVERED, DeliveryState.READ
LATER = NOW + timedelta(seconds=1)


@pytest.mark.parametrize("size", [1, 256])
async def test_advance_all_takes_a_few_statements_when_many_report_one_message(
    storage: Storage, size: int
) -> None:
    """The number of statements does not depend on the number of recipients."""
    recipients = [UserId(f"user_{number:04}") for number in range(size)]
    await storage.channels.seed({user_id: [GENERAL] for user_id in recipients})
    message = await sent(storage)
    reports = [Report(message.id, user_id, READ) for user_id in recipients]

    with recorded() as statements:
        await storage.deliveries.advance_all(reports, NOW)

    assert 7 == len(statements)


async def test_advance_all_takes_a_few_statements_when_reports_are_mixed(
    database: Database, storage: Storage
) -> None:
    """Ten statements store reports of both states in two channels, and find all rows by keys."""
    stored = [await sent(storage, channel_id=RANDOM) for _ in range(4)]
    stored += [await sent(storage) for _ in range(4)]
    await storage.deliveries.advance_all(
        [Report(message.id, CAROL, READ) for message in stored[4:]], NOW
    )
    reports = [
        Report(message.id, BOB, DELIVERED if index % 2 else READ)
        for index, message in enumerate(stored)
    ]

    with recorded() as statements:
        await storage.deliveries.advance_all(reports, NOW)

    plans = await plans_of(database, statements)
    # Four statements before the updates, two for deliveries, one for receipts, three for messages.
    assert 10 == len(statements)
    assert any("message_deliveries USING PRIMARY KEY" in line for line in plans)
    assert [] == [line for line in plans if is_whole_table(line)]


async def test_advance_all_writes_nothing_when_nothing_is_new(storage: Storage) -> None:
    """A repeated report takes three queries."""
    message = await sent(storage)
    await advanced(storage, message.id, BOB, READ)

    with recorded() as statements:
        await advanced(storage, message.id, BOB, READ)

    assert ["BEGIN", "SELECT", "SELECT", "SELECT"] == [
        statement.split()[0] for statement, _ in statements
    ]


async def test_what_waits_is_read_by_its_index_when_it_is_asked_for(
    database: Database, storage: Storage
) -> None:
    """Counts and pages read the index of undelivered messages, and find other rows by keys."""
    with recorded() as statements:
        await storage.deliveries.undelivered_counts(BOB)
        await storage.deliveries.undelivered(BOB, after=0, limit=10)

    plans = await plans_of(database, statements)
    waiting = [line for line in plans if "message_deliveries_waiting_idx" in line]
    whole = [line for line in plans if is_whole_table(line)]
    assert 4 == len(waiting) == sum(" message_deliveries " in line for line in plans)
    # The plans scan only the subqueries of the page and of the counts, which have a limit.
    assert {"SCAN page", "SCAN newest"} >= set(whole)


async def test_statuses_are_read_by_their_key_when_they_are_paged_and_counted(
    database: Database, storage: Storage
) -> None:
    """Pages follow the order of the primary key, so the database sorts nothing."""
    message = await sent(storage)

    with recorded() as statements:
        await storage.deliveries.statuses(message.id, ALICE, 1, BOB)

    plans = await plans_of(database, statements)
    by_key = [line for line in plans if "message_deliveries USING PRIMARY KEY" in line]
    assert 2 == len(by_key) == sum(" message_deliveries " in line for line in plans)
    assert [] == [line for line in plans if is_whole_table(line) or "ORDER BY" in line]


async def test_undelivered_goes_on_where_it_ended_when_left_channels_are_in_between(
    either_storage: Storage,
) -> None:
    """The cost of a page does not depend on the messages in channels that the user has left."""
    first = await sent(either_storage)
    for _ in range(5):
        await sent(either_storage, channel_id=RANDOM)
    last = await sent(either_storage)
    await either_storage.leave(RANDOM, BOB)

    found: list[Message] = []
    lengths: list[int] = []
    after = 0
    while True:
        page = await either_storage.deliveries.undelivered(BOB, after, limit=2, most_passed=3)
        found += page.messages
        lengths.append(len(page.messages))
        if page.looked_until is None:
            break
        after = page.looked_until

    assert [first, last] == found
    assert [1, 0, 1] == lengths


async def test_undelivered_counts_are_of_what_was_stored_last_when_too_much_waits(
    either_storage: Storage,
) -> None:
    """The cost of counting does not depend on the number of undelivered messages."""
    for channel_id in (GENERAL, GENERAL, RANDOM):
        await sent(either_storage, channel_id=channel_id)
    await either_storage.leave(RANDOM, BOB)

    last_two = await either_storage.deliveries.undelivered_counts(BOB, in_all=2)
    all_three = await either_storage.deliveries.undelivered_counts(BOB, in_all=4)

    assert ({GENERAL: 1}, True) == (last_two.channels, last_two.more)
    assert ({GENERAL: 2}, False) == (all_three.channels, all_three.more)


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
