"""Tests revision 0004 on tables with messages, by app/adapters/sql/schema/upgrade.py."""

from datetime import timedelta

import pytest
from sqlalchemy import Connection, text

from app.adapters.sql.connection.database import Database
from app.adapters.sql.schema.conversion import convert_some
from app.adapters.sql.schema.tables import messages
from app.adapters.sql.schema.upgrade import upgrade_schema
from app.domain.ids import ChannelId
from tests.contract.storage import ALICE, BOB, CAROL, GENERAL, RANDOM, Storage, add, draft
from tests.doubles.manual_clock import DEFAULT_START as NOW
from tests.unit.adapters.sql.migrations import downgrade

QUIET = ChannelId("nobody-else")

# Id, channel, seconds after NOW, seq. The second message has an earlier time than the first.
# The original backend stored the messages without a seq.
STORED = (
    ("general-1", GENERAL, 5, 1),
    ("general-2", GENERAL, 1, 2),
    ("random-1", RANDOM, 3, 1),
    ("msg_001", GENERAL, 9, None),
    ("msg_002", GENERAL, 4, None),
    ("msg_003", QUIET, 0, None),
)
DELIVERIES = (
    ("general-1", BOB, "SENT"),
    ("general-1", CAROL, "READ"),
    ("random-1", BOB, "DELIVERED"),
    ("general-2", BOB, "SENT"),
)


def go_back(connection: Connection) -> None:
    """Downgrade to the revision before 0004."""
    downgrade(connection, "0003")


def fill(connection: Connection) -> None:
    """Store messages in the tables of revision 0003."""
    for message_id, channel_id, seconds, seq in STORED:
        moment = NOW + timedelta(seconds=seconds)
        connection.execute(
            messages.insert().values(
                id=message_id,
                content="hello",
                channelId=channel_id,
                userId=ALICE,
                createdAt=moment,
                updatedAt=moment,
            )
        )
        if seq is not None:
            connection.execute(
                text("INSERT INTO message_sequences VALUES (:message_id, :channel_id, :seq)"),
                {"message_id": message_id, "channel_id": channel_id, "seq": seq},
            )
    for message_id, recipient_id, status in DELIVERIES:
        connection.execute(
            text(
                "INSERT INTO message_deliveries (message_id, recipient_id, status, updated_at) "
                "VALUES (:message_id, :recipient_id, :status, '2026-01-31 09:30:00.000000')"
            ),
            {"message_id": message_id, "recipient_id": recipient_id, "status": status},
        )
    connection.execute(text("INSERT INTO channel_sequences VALUES ('general', 2), ('random', 1)"))


@pytest.fixture(params=["sqlite", "own_postgres"])
def database(request: pytest.FixtureRequest) -> Database:
    """A migrated and open database, on SQLite and on PostgreSQL; a test may alter its tables."""
    database: Database = request.getfixturevalue(f"{request.param}_database")
    return database


@pytest.fixture
async def storage(database: Database, storage: Storage) -> Storage:
    """Repositories on a database that was filled at revision 0003, and then upgraded."""

    def prepare(connection: Connection) -> None:
        go_back(connection)
        fill(connection)
        upgrade_schema(connection)
        while convert_some(connection) is not None:
            pass

    async with database.transaction() as connection:
        await connection.run_sync(prepare)
    return storage


async def rows(database: Database, query: str) -> list[tuple[object, ...]]:
    async with database.reading() as connection:
        return [tuple(row) for row in await connection.execute(text(query))]


async def test_sequences_stay_when_messages_get_positions(
    database: Database, storage: Storage
) -> None:
    """Old messages get a ``seq``.

    Positions follow ``seq`` within a channel, and dates otherwise.
    """
    found = await rows(
        database, "SELECT message_id, channel_id, seq FROM message_sequences ORDER BY position"
    )

    assert [
        ("msg_003", QUIET, 1),
        ("random-1", RANDOM, 1),
        ("general-1", GENERAL, 1),
        ("general-2", GENERAL, 2),
        ("msg_002", GENERAL, 3),
        ("msg_001", GENERAL, 4),
    ] == found
    last = await storage.messages.last_seqs([GENERAL, RANDOM, QUIET])
    assert {GENERAL: 4, RANDOM: 1, QUIET: 1} == last


async def test_deliveries_stay_when_messages_get_positions(
    database: Database, storage: Storage
) -> None:
    """Each delivery gets the position of its message, and old messages count as delivered."""
    found = await rows(
        database,
        "SELECT d.message_id, d.recipient_id, d.status, d.channel_id = s.channel_id, "
        "d.position = s.position FROM message_deliveries d "
        "JOIN message_sequences s ON s.message_id = d.message_id",
    )

    assert sorted((*each, True, True) for each in DELIVERIES) == sorted(found)
    page = await storage.deliveries.undelivered(BOB, after=0, limit=10)
    assert ["general-1", "general-2"] == [message.id for message in page.messages]


async def test_sends_go_on_when_messages_have_got_positions(storage: Storage) -> None:
    """A new message gets the next sequence and the last position, and no message needs adoption."""
    message = await add(storage, draft())

    page = await storage.deliveries.undelivered(BOB, after=0, limit=10)
    assert 5 == message.seq
    assert message.id == page.messages[-1].id
    assert {} == await storage.adoption.find_unsequenced(10, NOW + timedelta(hours=1))


async def test_what_was_stored_stays_when_positions_are_downgraded(
    database: Database, storage: Storage
) -> None:
    """Sequences and deliveries remain, in the order of storing."""
    await add(storage, draft(BOB))
    async with database.transaction() as connection:
        await connection.run_sync(go_back)

    numbered = await rows(database, "SELECT channel_id, seq FROM message_sequences")
    deliveries = await rows(
        database,
        "SELECT message_id, recipient_id, status FROM message_deliveries ORDER BY position LIMIT 4",
    )

    general = [(GENERAL, seq) for seq in range(1, 6)]
    assert sorted([*general, (RANDOM, 1), (QUIET, 1)]) == sorted(numbered)
    order = [DELIVERIES[index] for index in (2, 0, 1, 3)]
    assert order == deliveries

    async with database.transaction() as connection:
        await connection.run_sync(upgrade_schema)
    assert {GENERAL: 5} == await storage.messages.last_seqs([GENERAL])
