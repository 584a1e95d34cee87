"""Tests app/adapters/sql/messages/repository.py: storing during concurrent deletions."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager

import pytest
from sqlalchemy import Table, delete, text

from app.adapters.sql.connection.database import Database
from app.adapters.sql.schema.tables import channels, messages, users
from app.domain.errors import NotAMember
from app.ports import AddOutcome, StoredMessage
from tests.contract.original_backend import store_as_prisma
from tests.contract.storage import ALICE, BOB, CAROL, GENERAL, RANDOM, Storage, add, draft
from tests.doubles.manual_clock import DEFAULT_START as NOW

SOMEBODY_WAITS = text("SELECT 1 FROM pg_locks WHERE NOT granted")


@pytest.fixture
def database(postgres_database: Database) -> Database:
    """A PostgreSQL database, because SQLite has only one writer."""
    return postgres_database


@asynccontextmanager
async def deleting(database: Database, table: Table, row_id: str) -> AsyncIterator[None]:
    """Delete a row as the original backend does, and commit once another backend waits for it."""
    async with database.transaction() as connection:
        await connection.execute(delete(table).where(table.c.id == row_id))
        yield
        # Only pytest's timeout limits the polling.
        while not await connection.scalar(SOMEBODY_WAITS):
            pass


def numbers(outcomes: Sequence[AddOutcome]) -> list[int | type[AddOutcome]]:
    """Return the ``seq`` of each stored message, and the class of each rejection."""
    return [
        each.message.seq if isinstance(each, StoredMessage) else type(each) for each in outcomes
    ]


async def test_neighbours_are_stored_when_a_sender_is_being_deleted(
    database: Database, storage: Storage
) -> None:
    """The deleted user's message is rejected, and the batch's other messages are stored."""
    async with deleting(database, users, BOB):
        storing = asyncio.create_task(
            storage.messages.add_all([draft(ALICE), draft(BOB), draft(CAROL)], NOW)
        )

    assert [1, NotAMember, 2] == numbers(await storing)


async def test_neighbours_are_stored_when_a_channel_is_being_deleted(
    database: Database, storage: Storage
) -> None:
    """The message to the deleted channel is rejected, and the batch's other messages are stored."""
    async with deleting(database, channels, RANDOM):
        storing = asyncio.create_task(
            storage.messages.add_all([draft(), draft(ALICE, RANDOM), draft(BOB)], NOW)
        )

    assert [1, NotAMember, 2] == numbers(await storing)


async def test_messages_are_stored_when_a_recipient_is_being_deleted(
    database: Database, storage: Storage
) -> None:
    """Deliveries are stored for the recipients that still exist."""
    async with deleting(database, users, CAROL):
        storing = asyncio.create_task(storage.messages.add_all([draft(), draft(BOB)], NOW))

    assert [1, 2] == numbers(await storing)
    first, second = await storage.messages.stored_after(GENERAL, 0, 10)
    recipients = [
        status.recipient_id
        for message in (first, second)
        for status in (await storage.deliveries.statuses(message.id, ALICE)).statuses
    ]
    assert [BOB, ALICE] == recipients


async def test_adopting_passes_over_a_message_when_it_is_being_deleted(
    database: Database, storage: Storage
) -> None:
    """The deleted message gets no ``seq``, and the sequences have no gap."""
    for message_id in ("msg_001", "msg_002"):
        await store_as_prisma(database, message_id)

    async with deleting(database, messages, "msg_001"):
        found = await storage.adoption.find_unsequenced(10, NOW)
        adopting = asyncio.create_task(storage.adoption.adopt(found[GENERAL], NOW))
    await adopting
    following = await add(storage, draft())

    stored = await storage.messages.stored_after(GENERAL, 0, 10)
    assert [("msg_002", 1), (following.id, 2)] == [(each.id, each.seq) for each in stored]


async def test_adopting_passes_over_a_channel_when_it_is_being_deleted(
    database: Database, storage: Storage
) -> None:
    """Messages of other channels still get their ``seq``."""
    await store_as_prisma(database, "msg_001", channel_id=RANDOM)
    await store_as_prisma(database, "msg_002")

    async with deleting(database, channels, RANDOM):
        found = await storage.adoption.find_unsequenced(10, NOW)
        ids = [*found[RANDOM], *found[GENERAL]]
        adopting = asyncio.create_task(storage.adoption.adopt(ids, NOW))
    await adopting

    assert {RANDOM: 0, GENERAL: 1} == await storage.messages.last_seqs([RANDOM, GENERAL])
