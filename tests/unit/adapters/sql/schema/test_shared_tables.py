from datetime import datetime

import pytest
from sqlalchemy import func, insert, select, text

from app.adapters.sql.connection.database import Database
from app.adapters.sql.schema.shared_tables import REQUIRED_TABLES, SHARED_TABLES
from app.adapters.sql.schema.tables import channel_members, messages, metadata, read_receipts, users
from app.domain.delivery import DeliveryState
from app.domain.ids import UserId
from app.domain.message import User
from tests.contract.receipts import advanced
from tests.contract.storage import ALICE, BOB, CAROL, GENERAL, Storage, add, draft
from tests.doubles.manual_clock import DEFAULT_START as NOW


@pytest.fixture(params=["sqlite", "postgres"])
def database(request: pytest.FixtureRequest) -> Database:
    """A migrated and open database, on SQLite and on PostgreSQL."""
    database: Database = request.getfixturevalue(f"{request.param}_database")
    return database


def test_every_required_table_is_a_shared_table() -> None:
    assert REQUIRED_TABLES <= SHARED_TABLES <= metadata.tables.keys()


async def test_a_receipt_is_written_once_when_a_recipient_reads(
    database: Database, storage: Storage
) -> None:
    """Only READ inserts a row into the original backend's ``read_receipts``."""
    message = await add(storage, draft())
    await advanced(storage, message.id, CAROL, DeliveryState.DELIVERED)
    for _ in range(2):
        await advanced(storage, message.id, BOB, DeliveryState.READ)

    async with database.reading() as connection:
        receipts = (await connection.execute(select(read_receipts))).all()

    assert [(message.id, BOB, NOW)] == [tuple(receipt) for receipt in receipts]


async def test_replies_stay_when_what_they_answer_is_deleted(
    database: Database, storage: Storage
) -> None:
    """A reply's ``replyToId`` becomes NULL, as in a database that Prisma created."""
    first = await add(storage, draft())
    reply = await add(storage, draft(BOB))
    async with database.transaction() as connection:
        await connection.execute(
            messages.update().where(messages.c.id == reply.id).values(replyToId=first.id)
        )

    await storage.messages.delete(first.id, ALICE)

    async with database.reading() as connection:
        rows = (await connection.execute(select(messages.c.id, messages.c.replyToId))).all()
    assert [(reply.id, None)] == [tuple(row) for row in rows]


async def test_a_user_is_shown_by_id_when_the_original_backend_knows_no_name(
    database: Database, storage: Storage
) -> None:
    """The e-mail address is never shown instead of a name."""
    async with database.transaction() as connection:
        await connection.execute(
            insert(users).values(
                id="user_eve", email="eve@127.0.0.1", imageUrl="/eve.png", updatedAt=NOW
            )
        )
        await connection.execute(
            insert(channel_members).values(channelId=GENERAL, userId="user_eve")
        )
    eve = User(UserId("user_eve"), name="user_eve", image_url="/eve.png")

    stored = await add(storage, draft(eve.id))
    read = await storage.messages.list_after(GENERAL, ALICE, 0, 10)

    assert [eve, eve] == [stored.user, read[0].user]


async def test_seed_leaves_users_as_they_are_when_they_exist(
    database: Database, storage: Storage
) -> None:
    """Seeding an existing user changes no name, and invents no e-mail address."""
    async with database.transaction() as connection:
        await connection.execute(users.update().where(users.c.id == BOB).values(name="Robert"))

    await storage.channels.seed({BOB: [GENERAL]})

    query = select(users.c.name, users.c.email, users.c.isOnline).where(users.c.id == BOB)
    async with database.reading() as connection:
        row = (await connection.execute(query)).one()
    assert ("Robert", None, False) == tuple(row)


async def test_dates_are_naive_utc_in_the_table_when_they_are_written(
    database: Database, storage: Storage
) -> None:
    """Dates have milliseconds, as Prisma's have; the database's own dates are read as UTC."""
    moment = datetime.fromisoformat("2026-01-31T09:30:00.123+00:00")
    message = await add(storage, draft(), moment)

    async with database.reading() as connection:
        raw = await connection.scalar(text('SELECT CAST("createdAt" AS TEXT) FROM messages'))
        created = await connection.scalar(select(func.min(users.c.createdAt)))
    (read,) = await storage.messages.list_after(GENERAL, BOB, 0, 10)

    assert raw is not None
    assert "2026-01-31 09:30:00.123" == raw.removesuffix("000")
    assert moment == message.created_at == read.created_at
    assert created is not None
    assert created.tzinfo is not None
