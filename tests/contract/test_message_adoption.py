"""The suite for adopting the original backend's messages, on SQLite and PostgreSQL."""

import asyncio
from datetime import timedelta
from uuid import UUID

import pytest
from sqlalchemy import insert, update

from app.adapters.sql.connection.database import Database
from app.adapters.sql.messages.adoption_repository import SqlAdoptionRepository
from app.adapters.sql.schema.tables import channel_members, read_receipts
from app.domain.delivery import DeliveryState, DeliveryStatus
from app.domain.ids import MessageId
from app.domain.message import User
from tests.contract.original_backend import LATER, adopt, adopt_all, order_of, store_as_prisma
from tests.contract.storage import (
    ALICE,
    BOB,
    CAROL,
    GENERAL,
    MEMBERSHIP,
    RANDOM,
    Storage,
    add,
    draft,
    sql_storage,
)
from tests.doubles.manual_clock import DEFAULT_START as NOW

SECOND = timedelta(seconds=1)


@pytest.fixture(params=["sqlite", "postgres"])
def database(request: pytest.FixtureRequest) -> Database:
    """An open database with the current schema."""
    database: Database = request.getfixturevalue(f"{request.param}_database")
    return database


@pytest.fixture
async def storage(database: Database) -> Storage:
    """A storage in which all members joined a minute ago."""
    storage = sql_storage(database)
    await storage.channels.seed(MEMBERSHIP)
    async with database.transaction() as connection:
        await connection.execute(update(channel_members).values(joined_at=NOW - 60 * SECOND))
    return storage


@pytest.mark.parametrize(
    "message_id",
    ["msg_001", str(UUID(int=0, version=4)), "message_000008", "x" * 14 + "8" + "x" * 22],
    ids=["short", "UUID", "8 where ours have it", "longer than a UUID"],
)
async def test_adopt_gives_the_next_number_when_another_backend_has_stored(
    database: Database, storage: Storage, message_id: str
) -> None:
    """The adopted message is unchanged, and the next message gets the following number."""
    before = await add(storage, draft())
    await store_as_prisma(database, message_id, user_id=BOB, created_at=NOW - SECOND)

    adopted = await adopt(storage)
    after = await add(storage, draft())

    assert {GENERAL: [message_id]} == adopted
    assert [(1, before.id), (2, message_id), (3, after.id)] == await order_of(storage)
    (message,) = await storage.messages.list_after(GENERAL, ALICE, after_seq=1, limit=1)
    assert f"content of {message_id}" == message.content
    assert User(BOB, name="Bob") == message.user
    assert DeliveryState.DELIVERED is message.delivery_status
    assert NOW - SECOND == message.created_at == message.updated_at


async def test_adopt_takes_in_nothing_when_it_has_taken_in_all(
    database: Database, storage: Storage
) -> None:
    await store_as_prisma(database, "msg_001")
    await adopt(storage)
    order = await order_of(storage)

    assert {} == await storage.adoption.find_unsequenced(10, LATER)
    await storage.adoption.adopt([MessageId("msg_001")])
    assert order == await order_of(storage)
    assert {GENERAL: 1} == await storage.messages.last_seqs([GENERAL])


async def test_adopt_takes_in_what_is_left_when_another_node_has_taken_some(
    database: Database, storage: Storage
) -> None:
    """Two nodes adopt overlapping sets of messages. Only messages in these sets are adopted."""
    for number in range(1, 5):
        await store_as_prisma(database, f"msg_{number}", created_at=NOW + number * SECOND)
    first = (await storage.adoption.find_unsequenced(2, LATER))[GENERAL]
    second = (await storage.adoption.find_unsequenced(3, LATER))[GENERAL]

    await storage.adoption.adopt(first)
    await storage.adoption.adopt(list(reversed(second)))

    assert [(1, "msg_1"), (2, "msg_2"), (3, "msg_3")] == await order_of(storage)
    assert {GENERAL: ["msg_4"]} == await storage.adoption.find_unsequenced(10, LATER)


async def test_adopt_passes_over_a_message_when_it_was_deleted(
    database: Database, storage: Storage
) -> None:
    """Ids of missing messages are ignored, and the list of ids may be empty."""
    await store_as_prisma(database, "msg_001")

    await storage.adoption.adopt([MessageId("msg_000"), MessageId("msg_001")])
    await storage.adoption.adopt([MessageId("msg_000")])
    await storage.adoption.adopt([])

    assert [(1, "msg_001")] == await order_of(storage)


async def test_adopt_numbers_by_date_and_id_when_there_are_many(
    database: Database, storage: Storage
) -> None:
    """Sequences do not depend on the order of insertion, or on the number of calls."""
    for number, second in enumerate([3, 1, 4, 1, 5, 9, 2, 6]):
        channel_id = (GENERAL, RANDOM)[number % 2]
        created_at = NOW + second * SECOND
        await store_as_prisma(
            database, f"msg_{number}", channel_id=channel_id, created_at=created_at
        )

    adopted = [await adopt(storage, limit=3) for _ in range(4)]

    assert [
        {RANDOM: ["msg_1", "msg_3"], GENERAL: ["msg_6"]},
        {GENERAL: ["msg_0", "msg_2", "msg_4"]},
        {RANDOM: ["msg_7", "msg_5"]},
        {},
    ] == adopted
    general = ["msg_6", "msg_0", "msg_2", "msg_4"]
    in_random = ["msg_1", "msg_3", "msg_7", "msg_5"]
    assert list(enumerate(general, 1)) == await order_of(storage)
    assert list(enumerate(in_random, 1)) == await order_of(storage, RANDOM)
    page = await storage.deliveries.undelivered(BOB, after=0, limit=100)
    assert [f"msg_{number}" for number in (1, 3, 6, 0, 2, 4, 7, 5)] == [
        message.id for message in page.messages
    ]


async def test_adopt_delivers_to_the_other_members_when_it_takes_in(
    database: Database, storage: Storage
) -> None:
    """An adopted message is undelivered to every member but the author."""
    await store_as_prisma(database, "msg_001", user_id=BOB)

    await adopt(storage)

    counts = [
        (await storage.deliveries.undelivered_counts(user_id)).channels
        for user_id in (ALICE, BOB, CAROL)
    ]
    assert [{GENERAL: 1}, {}, {GENERAL: 1}] == counts


async def test_adopt_takes_over_receipts_when_the_other_backend_has_written_them(
    database: Database, storage: Storage
) -> None:
    """Users with a read receipt have READ the message; for other users it is undelivered."""
    await store_as_prisma(database, "msg_001")
    read_at = NOW + SECOND
    async with database.transaction() as connection:
        await connection.execute(
            insert(read_receipts).values(messageId="msg_001", userId=BOB, readAt=read_at)
        )

    await adopt(storage)

    message_id = MessageId("msg_001")
    expected = (
        DeliveryStatus(message_id, BOB, DeliveryState.READ, read_at),
        DeliveryStatus(message_id, CAROL, DeliveryState.SENT, NOW),
    )
    assert expected == (await storage.deliveries.statuses(message_id, ALICE)).statuses
    assert {} == (await storage.deliveries.undelivered_counts(BOB)).channels


async def test_adopt_delivers_to_nobody_who_joined_when_it_had_been_sent(
    database: Database, storage: Storage
) -> None:
    """A message is not delivered to members who joined after it was sent."""
    carols = channel_members.c.userId == CAROL
    async with database.transaction() as connection:
        await connection.execute(
            update(channel_members).where(carols).values(joined_at=NOW + SECOND)
        )
    await store_as_prisma(database, "msg_001", created_at=NOW)
    await store_as_prisma(database, "msg_002", created_at=NOW + SECOND)

    await adopt(storage)

    page = await storage.deliveries.undelivered(CAROL, after=0, limit=10)
    assert ["msg_002"] == [message.id for message in page.messages]


async def test_adopt_finds_a_message_when_it_was_committed_late(
    database: Database, storage: Storage
) -> None:
    """The original backend sets the date of a message before the commit."""
    await store_as_prisma(database, "msg_001", created_at=NOW)
    await adopt(storage)
    await store_as_prisma(database, "msg_002", created_at=NOW - 59 * SECOND)

    await adopt(storage)

    assert [(1, "msg_001"), (2, "msg_002")] == await order_of(storage)


async def test_adopt_finds_a_message_when_it_comes_with_an_old_date(
    database: Database, storage: Storage
) -> None:
    """An imported message gets the next number, and is undelivered to the members at its date."""
    await store_as_prisma(database, "msg_001", created_at=NOW)
    await adopt_all(storage)
    await store_as_prisma(database, "msg_000", created_at=NOW - timedelta(days=365))

    await adopt(storage)

    assert [(1, "msg_001"), (2, "msg_000")] == await order_of(storage)
    assert {GENERAL: 1} == (await storage.deliveries.undelivered_counts(BOB)).channels


@pytest.mark.parametrize("excluded", ["message", "channel"])
async def test_find_unsequenced_searches_older_messages_when_new_ones_are_excluded(
    database: Database, storage: Storage, excluded: str
) -> None:
    """An excluded message does not count towards the limit."""
    await store_as_prisma(database, "newest", created_at=NOW)
    await adopt_all(storage)
    year_ago = NOW - timedelta(days=365)
    await store_as_prisma(database, "new", channel_id=RANDOM, created_at=NOW)
    await store_as_prisma(database, "old", created_at=year_ago)
    new_messages = [MessageId("new")] if excluded == "message" else []
    its_channels = [RANDOM] if excluded == "channel" else []

    usual = await storage.adoption.find_unsequenced(1, LATER)
    older = await storage.adoption.find_unsequenced(1, LATER, new_messages, its_channels)

    assert {RANDOM: ["new"]} == usual
    assert {GENERAL: ["old"]} == older


async def test_adopt_examines_every_message_in_turn_when_there_are_many(
    database: Database, storage: Storage
) -> None:
    """Each call examines one range of dates. After the last range, the search starts again."""
    repository = SqlAdoptionRepository(database, range_messages=3)
    days = [NOW - timedelta(days=day) for day in range(9, 1, -1)]
    for number, day in enumerate([*days, *days]):
        await store_as_prisma(database, f"msg_{number}", created_at=day)
    await store_as_prisma(database, "newest", created_at=NOW)
    await adopt_all(storage)
    for number, day in enumerate((days[0], days[0], days[4], days[-1])):
        await store_as_prisma(database, f"late_{number}", created_at=day)

    for _ in range(20):
        for ids in (await repository.find_unsequenced(10, LATER)).values():
            await repository.adopt(ids)

    late = [message_id for _, message_id in await order_of(storage)][-4:]
    assert {f"late_{number}" for number in range(4)} == set(late)


async def test_adopt_finds_a_message_when_an_earlier_one_is_dated_in_the_future(
    database: Database, storage: Storage
) -> None:
    """Messages are adopted even if the original backend's clock is wrong."""
    await store_as_prisma(database, "msg_001", created_at=LATER + timedelta(days=365))
    await adopt(storage)
    await store_as_prisma(database, "msg_002", created_at=LATER)

    await adopt(storage)

    assert [(1, "msg_001"), (2, "msg_002")] == await order_of(storage)


async def test_adopt_gives_each_message_one_number_when_many_do_it_at_once(
    database: Database, storage: Storage
) -> None:
    """Concurrent sends and adoptions give every message one number, without gaps."""
    for number in range(20):
        channel_id = (GENERAL, RANDOM)[number % 2]
        created_at = NOW + number * SECOND
        await store_as_prisma(
            database, f"msg_{number}", channel_id=channel_id, created_at=created_at
        )

    await asyncio.gather(
        *(adopt_all(storage, limit=3) for _ in range(8)),
        *(
            storage.messages.add_all([draft(BOB, RANDOM), draft(ALICE, GENERAL)], NOW)
            for _ in range(10)
        ),
    )

    for channel_id in (GENERAL, RANDOM):
        order = await order_of(storage, channel_id)
        ids = [message_id for _, message_id in order]
        assert list(range(1, 21)) == [seq for seq, _ in order]
        adopted = [each for each in ids if each.startswith("msg_")]
        assert sorted(adopted, key=lambda each: int(each.removeprefix("msg_"))) == adopted
        assert 20 == len(set(ids))


async def test_author_can_join_when_an_adopted_message_is_from_before(
    database: Database, storage: Storage
) -> None:
    """The author left before the adoption, and rejoins after it.

    For the author, the adopted message and messages from the absence count as delivered.
    """
    await add(storage, draft())
    await store_as_prisma(database, "msg_001", user_id=BOB)
    await storage.leave(GENERAL, BOB)
    await adopt(storage)
    for _ in range(2):
        await add(storage, draft())

    await storage.channels.seed({BOB: [GENERAL]})
    missed = await add(storage, draft())

    page = await storage.deliveries.undelivered(BOB, after=0, limit=10)
    recipients = (await storage.deliveries.statuses(missed.id, ALICE)).statuses
    counts = (await storage.deliveries.undelivered_counts(BOB)).channels
    assert [1, missed.seq] == [message.seq for message in page.messages]
    assert {GENERAL: 2} == counts
    assert BOB in {status.recipient_id for status in recipients}
