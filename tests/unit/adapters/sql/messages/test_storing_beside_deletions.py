"""Tests storing messages during concurrent deletions (app/adapters/sql/messages/repository.py)."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager

import pytest
from sqlalchemy import Table, delete

from app.adapters.sql.schema.tables import channels, messages, users
from app.domain.errors import NotAMember, Unavailable
from app.ports import AddOutcome, StoredMessage
from tests.contract.original_backend import store_as_prisma
from tests.contract.storage import ALICE, BOB, CAROL, GENERAL, RANDOM, Storage, add, draft
from tests.doubles.manual_clock import DEFAULT_START as NOW
from tests.unit.adapters.sql.counting_database import CountingDatabase


@pytest.fixture
def database(counting_database: CountingDatabase) -> CountingDatabase:
    """A PostgreSQL database, because SQLite has only one writer."""
    return counting_database


@asynccontextmanager
async def deleting(database: CountingDatabase, table: Table, row_id: str) -> AsyncIterator[None]:
    """Delete a row as the original backend does, and commit when a write has been retried."""
    async with database.transaction() as connection:
        await connection.execute(delete(table).where(table.c.id == row_id))
        before = database.writes
        yield
        await database.until_writes(before + 2)


def numbers(outcomes: Sequence[AddOutcome]) -> list[int | type[AddOutcome]]:
    """Return the ``seq`` of each stored message, and the class of each rejection."""
    return [
        each.message.seq if isinstance(each, StoredMessage) else type(each) for each in outcomes
    ]


async def test_neighbours_are_stored_when_a_sender_is_being_deleted(
    database: CountingDatabase, storage: Storage
) -> None:
    """The deleted user's message is rejected, and the batch's other messages are stored."""
    async with deleting(database, users, BOB):
        storing = asyncio.create_task(
            storage.messages.add_all([draft(ALICE), draft(BOB), draft(CAROL)], NOW)
        )

    assert [1, NotAMember, 2] == numbers(await storing)


async def test_neighbours_are_stored_when_a_channel_is_being_deleted(
    database: CountingDatabase, storage: Storage
) -> None:
    """The message to the deleted channel is rejected, and the batch's other messages are stored."""
    async with deleting(database, channels, RANDOM):
        storing = asyncio.create_task(
            storage.messages.add_all([draft(), draft(ALICE, RANDOM), draft(BOB)], NOW)
        )

    assert [1, NotAMember, 2] == numbers(await storing)


async def test_nothing_is_stored_when_a_deletion_takes_too_long(
    database: CountingDatabase, storage: Storage
) -> None:
    """The outcome of the locked draft is `Unavailable`, and the other draft is stored."""
    async with database.transaction() as connection:
        await connection.execute(delete(users).where(users.c.id == BOB))
        database.lock_seconds = 0.05

        outcomes = await storage.messages.add_all([draft(BOB), draft(CAROL)], NOW)

    assert [Unavailable, 1] == numbers(outcomes)


async def test_messages_are_stored_when_a_recipient_is_being_deleted(
    database: CountingDatabase, storage: Storage
) -> None:
    """Storing locks no recipients, so it does not wait; the deleted user is no recipient."""
    async with database.transaction() as connection:
        await connection.execute(delete(users).where(users.c.id == CAROL))
        outcomes = await storage.messages.add_all([draft(), draft(BOB)], NOW)

    assert [1, 2] == numbers(outcomes)
    first, second = await storage.messages.stored_after(GENERAL, 0, 10)
    recipients = [
        status.recipient_id
        for message in (first, second)
        for status in (await storage.deliveries.statuses(message.id, ALICE)).statuses
    ]
    assert [BOB, ALICE] == recipients


@pytest.mark.parametrize(
    ("table", "row_id"), [(messages, "msg_001"), (channels, RANDOM), (users, BOB)]
)
async def test_adopting_passes_over_what_is_being_deleted(
    database: CountingDatabase, storage: Storage, table: Table, row_id: str
) -> None:
    """The message that stays gets its ``seq`` at once, and the sequences have no gap."""
    await store_as_prisma(database, "msg_001", channel_id=RANDOM, user_id=BOB)
    await store_as_prisma(database, "msg_002")
    found = await storage.adoption.find_unsequenced(10, NOW)

    async with database.transaction() as connection:
        await connection.execute(delete(table).where(table.c.id == row_id))
        await storage.adoption.adopt([*found[RANDOM], *found[GENERAL]])
    following = await add(storage, draft())

    stored = await storage.messages.stored_after(GENERAL, 0, 10)
    assert [("msg_002", 1), (following.id, 2)] == [(each.id, each.seq) for each in stored]
    assert {RANDOM: 0} == await storage.messages.last_seqs([RANDOM])
