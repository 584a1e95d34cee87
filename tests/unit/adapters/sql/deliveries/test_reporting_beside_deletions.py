"""Tests app/adapters/sql/deliveries/advance.py: reports during concurrent deletions.

Each test would end in a deadlock if a report locked the deliveries before the users and messages
that they refer to.
"""

import asyncio
from datetime import timedelta

import pytest
from sqlalchemy import Table, delete, select, text
from sqlalchemy.ext.asyncio import AsyncConnection

from app.adapters.sql.connection.database import Database
from app.adapters.sql.schema.tables import channel_members, channels, messages, users
from app.domain.delivery import DeliveryState
from app.domain.errors import MessageNotFound
from app.domain.ids import new_message_id
from app.domain.message import MessageDraft
from app.ports import Advance, Report
from tests.contract.receipts import own_state, sent
from tests.contract.storage import ALICE, BOB, CAROL, GENERAL, Storage
from tests.doubles.manual_clock import DEFAULT_START as NOW

WAITING = text("SELECT count(*) FROM pg_locks WHERE NOT granted")
LATER = NOW + timedelta(seconds=1)


@pytest.fixture
def database(postgres_database: Database) -> Database:
    """A PostgreSQL database, because SQLite has only one writer."""
    return postgres_database


async def delete_row(database: Database, table: Table, row_id: str) -> None:
    """Delete a row and everything that refers to it, as the original backend does."""
    async with database.transaction() as connection:
        await connection.execute(delete(table).where(table.c.id == row_id))


async def until_waiting(connection: AsyncConnection, count: int) -> None:
    """Poll until this many backends wait for locks; only pytest's timeout limits the polling."""
    while await connection.scalar(WAITING) != count:
        pass


async def test_both_succeed_when_a_reporter_is_being_deleted(
    database: Database, storage: Storage
) -> None:
    """The deleted user's report fails, and the other report of the batch succeeds."""
    message = await sent(storage)
    reports = [Report(message.id, user_id, DeliveryState.READ) for user_id in (BOB, CAROL)]
    bobs_seat = select(channel_members).where(channel_members.c.userId == BOB)

    async with database.transaction() as holder:
        await holder.execute(bobs_seat.with_for_update())
        deleting = asyncio.create_task(delete_row(database, users, BOB))
        await until_waiting(holder, 1)
        reporting = asyncio.create_task(storage.deliveries.advance_all(reports, LATER))
        await until_waiting(holder, 2)
    await deleting

    assert [MessageNotFound, Advance] == [type(outcome) for outcome in await reporting]
    assert DeliveryState.READ is await own_state(storage, message)


@pytest.mark.parametrize(("table", "row_id"), [(users, BOB), (channels, GENERAL)])
async def test_both_succeed_when_messages_are_being_deleted_in_another_order(
    database: Database, storage: Storage, table: Table, row_id: str
) -> None:
    """A deletion by author or channel locks messages in the order of the table, not by id."""
    first, second, third = ids = sorted(new_message_id() for _ in range(3))
    drafts = [MessageDraft(each, GENERAL, BOB, "hello", None) for each in (third, second, first)]
    await storage.messages.add_all(drafts, NOW)
    reports = [Report(message_id, ALICE, DeliveryState.READ) for message_id in ids]

    async with database.transaction() as holder:
        await holder.execute(select(messages).where(messages.c.id == second).with_for_update())
        deleting = asyncio.create_task(delete_row(database, table, row_id))
        await until_waiting(holder, 1)
        reporting = asyncio.create_task(storage.deliveries.advance_all(reports, LATER))
        await until_waiting(holder, 2)
    await deleting

    assert [MessageNotFound] * 3 == [type(outcome) for outcome in await reporting]
