"""Tests the digests with which repeated sends are compared, and rows without a digest."""

from collections.abc import Sequence

import pytest
from sqlalchemy import Connection, text

from app.adapters.sql.connection.database import Database
from app.adapters.sql.schema.upgrade import upgrade_schema
from app.domain.errors import ClientMessageIdReused
from app.domain.message import Message
from app.ports import AddOutcome, StoredMessage
from tests.contract.storage import ALICE, RANDOM, Storage, add, add_one, draft
from tests.doubles.manual_clock import DEFAULT_START as NOW
from tests.unit.adapters.sql.migrations import downgrade


@pytest.fixture(params=["sqlite", "own_postgres"])
def database(request: pytest.FixtureRequest) -> Database:
    """A migrated and open database, on SQLite and on PostgreSQL; a test may alter its tables."""
    database: Database = request.getfixturevalue(f"{request.param}_database")
    return database


async def digests(database: Database) -> Sequence[str | None]:
    async with database.reading() as connection:
        return (await connection.scalars(text("SELECT digest FROM client_messages"))).all()


def drop_digests(connection: Connection) -> None:
    """Downgrade to the revision before digests, and upgrade again."""
    downgrade(connection, "0004")
    upgrade_schema(connection)


async def resend(storage: Storage, *contents: str) -> list[AddOutcome]:
    """Send each of these contents with the client message id ``c-1``, in this order."""
    return [
        await add_one(storage, draft(content=each, client_message_id="c-1")) for each in contents
    ]


@pytest.fixture
async def old_message(database: Database, storage: Storage) -> Message:
    """Alice's "hello", stored with client message id ``c-1`` by a version without digests."""
    message = await add(storage, draft(client_message_id="c-1"))
    async with database.transaction() as connection:
        await connection.run_sync(drop_digests)
    assert [None] == await digests(database)
    return message


async def test_digests_differ_when_the_same_text_is_sent_twice(
    database: Database, storage: Storage
) -> None:
    """Equal digests would reveal that two messages had the same text, even after their deletion."""
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
    """A repeated send is acknowledged; a send with other content or channel is rejected."""
    repeated, reused = await resend(storage, "hello", "other")
    elsewhere = await add_one(storage, draft(channel_id=RANDOM, client_message_id="c-1"))

    assert StoredMessage(old_message, is_new=False) == repeated
    assert isinstance(reused, ClientMessageIdReused)
    assert isinstance(elsewhere, ClientMessageIdReused)


async def test_send_is_compared_with_the_edited_message_when_the_row_has_no_digest(
    storage: Storage, old_message: Message
) -> None:
    """Without a digest of the first send, a repeated send is compared with the edited content."""
    edited = await storage.messages.update(old_message.id, ALICE, "edited", NOW)

    first, same_as_now = await resend(storage, "hello", "edited")

    assert isinstance(first, ClientMessageIdReused)
    assert StoredMessage(edited, is_new=False) == same_as_now


async def test_send_is_refused_when_the_row_has_no_digest_and_the_message_was_deleted(
    storage: Storage, old_message: Message
) -> None:
    """The error is not `MessageDeleted`, because it is unknown whether this content was stored."""
    await storage.messages.delete(old_message.id, ALICE)

    (again,) = await resend(storage, "hello")

    assert isinstance(again, ClientMessageIdReused)
