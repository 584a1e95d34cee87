"""Tests app/adapters/sql/messages/store.py: digests of first sends, and rows without a digest."""

from collections.abc import Sequence

import pytest
from alembic import command
from sqlalchemy import Connection, text

from app.adapters.sql.connection.database import Database
from app.adapters.sql.schema.upgrade import _config, upgrade_schema
from app.domain.errors import ClientMessageIdReused
from app.domain.message import Message
from app.ports import AddOutcome, StoredMessage
from tests.contract.storage import (
    ALICE,
    MEMBERSHIP,
    RANDOM,
    Storage,
    add,
    add_one,
    draft,
    sql_storage,
)
from tests.doubles.manual_clock import DEFAULT_START as NOW


@pytest.fixture(params=["sqlite", "own_postgres"])
def database(request: pytest.FixtureRequest) -> Database:
    """Each of the two, migrated and open, whose tables may be changed."""
    database: Database = request.getfixturevalue(f"{request.param}_database")
    return database


@pytest.fixture
async def storage(database: Database) -> Storage:
    """The repositories over it, with the contract suites' users and channels."""
    storage = sql_storage(database)
    await storage.channels.seed(MEMBERSHIP)
    return storage


async def digests(database: Database) -> Sequence[str | None]:
    """What is stored besides ids."""
    async with database.reading() as connection:
        return (await connection.scalars(text("SELECT digest FROM client_messages"))).all()


def migrate_anew(connection: Connection) -> None:
    """Back to the revision before, and forward again."""
    config = _config()
    config.attributes["connection"] = connection
    command.downgrade(config, "0004")
    upgrade_schema(connection)


async def resend(storage: Storage, *contents: str) -> list[AddOutcome]:
    """Send contents under the client message id ``c-1``, one after the other."""
    return [
        await add_one(storage, draft(content=each, client_message_id="c-1")) for each in contents
    ]


@pytest.fixture
async def old_message(database: Database, storage: Storage) -> Message:
    """Alice's "hello", stored under ``c-1`` by a version that kept no digests."""
    message = await add(storage, draft(client_message_id="c-1"))
    async with database.transaction() as connection:
        await connection.run_sync(migrate_anew)
    assert [None] == await digests(database)
    return message


async def test_digests_differ_when_the_same_text_is_sent_twice(
    database: Database, storage: Storage
) -> None:
    """Nobody sees in the database that two messages, perhaps deleted since, said the same."""
    for client_message_id in ("c-1", "c-2"):
        message = await add(storage, draft(content="yes", client_message_id=client_message_id))
        await storage.messages.delete(message.id, ALICE)

    first, second = await digests(database)
    assert first is not None
    assert 32 == len(first)
    assert first != second


async def test_send_is_compared_with_the_message_when_the_row_has_no_digest(
    storage: Storage, old_message: Message
) -> None:
    """A repetition is answered; other content and another channel are refused, not lost."""
    repeated, reused = await resend(storage, "hello", "other")
    elsewhere = await add_one(storage, draft(channel_id=RANDOM, client_message_id="c-1"))

    assert StoredMessage(old_message, is_new=False) == repeated
    assert isinstance(reused, ClientMessageIdReused)
    assert isinstance(elsewhere, ClientMessageIdReused)


async def test_send_is_compared_with_the_edited_message_when_the_row_has_no_digest(
    storage: Storage, old_message: Message
) -> None:
    """What was first sent is not known; nothing is acked that might be something else."""
    edited = await storage.messages.update(old_message.id, ALICE, "edited", NOW)

    first, same_as_now = await resend(storage, "hello", "edited")

    assert isinstance(first, ClientMessageIdReused)
    assert StoredMessage(edited, is_new=False) == same_as_now


async def test_send_is_refused_when_the_row_has_no_digest_and_the_message_was_deleted(
    storage: Storage, old_message: Message
) -> None:
    """``message_deleted`` would make a client drop what may be another message."""
    await storage.messages.delete(old_message.id, ALICE)

    (again,) = await resend(storage, "hello")

    assert isinstance(again, ClientMessageIdReused)
