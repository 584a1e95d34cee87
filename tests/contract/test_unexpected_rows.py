"""Tests the use of rows with values that the original backend's schema does not allow."""

from dataclasses import dataclass, replace
from datetime import timedelta

import pytest
from sqlalchemy import update

from app.adapters.sql.connection.database import Database
from app.adapters.sql.messages.adoption_repository import SqlAdoptionRepository
from app.adapters.sql.schema.dialects import EARLIEST, LATEST
from app.adapters.sql.schema.tables import channel_members
from app.domain.channel import ChannelType
from app.domain.delivery import DeliveryState
from app.domain.ids import MessageId
from app.domain.message import Message
from app.ports import Advance, Report
from tests.contract.original_backend import LATER, adopt, adopt_all, order_of, store_as_prisma
from tests.contract.receipts import advanced, own_state
from tests.contract.storage import (
    ALICE,
    BOB,
    CAROL,
    GENERAL,
    MEMBERSHIP,
    Storage,
    add,
    draft,
    sql_storage,
)
from tests.doubles.manual_clock import DEFAULT_START as NOW

ODD = MessageId("odd")
NEW_STATUS = """ALTER TYPE "MessageDeliveryStatus" ADD VALUE 'ARCHIVED'"""
NEW_KIND = """ALTER TYPE "ChannelType" ADD VALUE 'BROADCAST'"""


@dataclass(frozen=True, slots=True)
class Oddity:
    """An unexpected value of a column, in SQL, and the value that repositories return instead."""

    kind: str
    column: str
    value: str
    expected: object
    before: str = ""

    def __str__(self) -> str:
        return f"{self.kind}: {self.column} = {self.value}"

    def read_of(self, message: Message) -> object:
        return {
            "content": message.content,
            "createdAt": message.created_at,
            "updatedAt": message.updated_at,
            "deliveryStatus": message.delivery_status,
        }[self.column]


def null(column: str, expected: object) -> Oddity:
    """Return the oddity NULL, for a column whose NOT NULL constraint was dropped."""
    loosened = f'ALTER TABLE messages ALTER "{column}" DROP NOT NULL'
    return Oddity("postgres", column, "NULL", expected, loosened)


ODDITIES = [
    Oddity("postgres", "deliveryStatus", "'ARCHIVED'", DeliveryState.SENT, NEW_STATUS),
    Oddity("postgres", "createdAt", "'58866-05-05'", LATEST),
    Oddity("postgres", "createdAt", "'infinity'", LATEST),
    Oddity("postgres", "createdAt", "'0044-03-15 BC'", EARLIEST),
    Oddity("postgres", "createdAt", "'-infinity'", EARLIEST),
    Oddity("postgres", "createdAt", "'9999-12-31 23:59:59.999'", LATEST),
    Oddity("postgres", "updatedAt", "'10000-01-01'", LATEST),
    Oddity("postgres", "updatedAt", "'0001-12-31 BC'", EARLIEST),
    null("content", ""),
    null("createdAt", EARLIEST),
    null("updatedAt", NOW),
    null("deliveryStatus", DeliveryState.SENT),
    Oddity("sqlite", "deliveryStatus", "'ARCHIVED'", DeliveryState.SENT),
    Oddity("sqlite", "createdAt", "'rubbish'", EARLIEST),
    Oddity("sqlite", "createdAt", "''", EARLIEST),
    Oddity("sqlite", "createdAt", "1700000000000", EARLIEST),
    Oddity("sqlite", "updatedAt", "x'00ff'", EARLIEST),
    Oddity("sqlite", "updatedAt", "'58866-05-05 00:00:00'", EARLIEST),
]


@pytest.fixture(params=ODDITIES, ids=str)
def oddity(request: pytest.FixtureRequest) -> Oddity:
    """An unexpected value in a column, for each parameter."""
    oddity: Oddity = request.param
    return oddity


@pytest.fixture
def odd_database(request: pytest.FixtureRequest, oddity: Oddity) -> Database:
    """A database in which the column accepts the unexpected value."""
    kind = "own_postgres" if oddity.before else oddity.kind
    database: Database = request.getfixturevalue(f"{kind}_database")
    return database


@pytest.fixture
async def odd_storage(odd_database: Database, oddity: Oddity) -> Storage:
    """A storage whose only message has the unexpected value, and a sequence number."""
    storage = await seeded(odd_database)
    if oddity.before:
        await run(odd_database, oddity.before)
    await store_as_prisma(odd_database, ODD)
    await write(odd_database, ODD, oddity.column, oddity.value)
    await adopt_all(storage)
    return storage


async def seeded(database: Database) -> Storage:
    """Seed the users and channels of the suites. All members joined a day ago."""
    storage = sql_storage(database)
    await storage.channels.seed(MEMBERSHIP)
    long_ago = NOW - timedelta(days=1)
    async with database.transaction() as connection:
        await connection.execute(update(channel_members).values(joined_at=long_ago))
    return storage


async def run(database: Database, statement: str) -> None:
    async with database.transaction() as connection:
        await connection.exec_driver_sql(statement)


async def write(database: Database, message_id: str, column: str, value: str) -> None:
    """Set a column of a message to an SQL expression."""
    await run(
        database,
        f"""UPDATE messages SET "{column}" = {value} WHERE id = '{message_id}'""",  # noqa: S608 - values of the tests
    )


async def test_an_odd_row_is_adopted_and_read_when_there_is_one(
    odd_storage: Storage, oddity: Oddity
) -> None:
    """An unexpected value is read as the nearest value that clients can receive."""
    (read,) = await odd_storage.messages.list_after(GENERAL, BOB, 0, 10)

    assert (ODD, oddity.expected) == (read.id, oddity.read_of(read))
    assert read == await odd_storage.messages.find(ODD)
    assert len("2026-01-31T09:30:00.123Z") == len(str(read.to_wire()["createdAt"]))


async def test_a_channel_goes_on_when_a_row_in_it_is_odd(odd_storage: Storage) -> None:
    """Sending, repeated sending, adoption and reading undelivered messages work."""
    asked = draft(client_message_id="c-1")

    own = await add(odd_storage, asked)
    (again,) = await odd_storage.messages.add_all([asked], NOW)
    nothing = await odd_storage.adoption.find_unsequenced(10, LATER)
    page = await odd_storage.deliveries.undelivered(BOB, 0, 10)

    assert own == getattr(again, "message", again)
    assert {} == nothing
    assert own == page.messages[-1]
    assert [(1, ODD), (2, own.id)] == await order_of(odd_storage)


async def test_an_odd_row_is_edited_and_deleted_when_its_author_asks(odd_storage: Storage) -> None:
    edited = await odd_storage.messages.update(ODD, ALICE, "changed", NOW)
    found = await odd_storage.messages.find(ODD)
    await odd_storage.messages.delete(ODD, ALICE)

    assert ("changed", NOW) == (edited.content, edited.updated_at)
    assert edited == found
    assert [] == await order_of(odd_storage)


async def test_receipts_count_when_one_of_their_messages_is_odd(odd_storage: Storage) -> None:
    """In a batch about both messages, the reports of all recipients are accepted."""
    own = await add(odd_storage, draft())
    statuses = (await odd_storage.deliveries.statuses(ODD, ALICE)).statuses
    reports = [
        Report(message_id, user_id, DeliveryState.READ)
        for message_id in (ODD, own.id)
        for user_id in (BOB, CAROL)
    ]

    outcomes = await odd_storage.deliveries.advance_all(reports, NOW)

    is_for_them = [bool(statuses)] * 2 + [True] * 2
    assert is_for_them == [isinstance(outcome, Advance) for outcome in outcomes]
    assert DeliveryState.READ is await own_state(odd_storage, own)


@pytest.mark.parametrize("status", ["FAILED", "SENDING"])
async def test_a_message_goes_with_its_recipients_when_another_status_was_written(
    database: Database, status: str
) -> None:
    """The recipients' reports determine the message's state, not the status written before."""
    storage = await seeded(database)
    await store_as_prisma(database, ODD)
    await write(database, ODD, "deliveryStatus", f"'{status}'")
    await adopt_all(storage)
    (message,) = await storage.messages.stored_after(GENERAL, 0, 1)

    states = []
    for user_id in (BOB, CAROL):
        await advanced(storage, ODD, user_id, DeliveryState.READ)
        states.append(await own_state(storage, message))

    assert [DeliveryState.SENT, DeliveryState.READ] == states


async def test_a_message_goes_with_its_recipients_when_its_status_is_unknown_here(
    own_postgres_database: Database,
) -> None:
    """A report replaces the unknown status of the message with a known one."""
    storage = await seeded(own_postgres_database)
    await run(own_postgres_database, NEW_STATUS)
    await store_as_prisma(own_postgres_database, ODD)
    await write(own_postgres_database, ODD, "deliveryStatus", "'ARCHIVED'")
    await adopt_all(storage)
    (message,) = await storage.messages.stored_after(GENERAL, 0, 1)

    await advanced(storage, ODD, BOB, DeliveryState.DELIVERED)
    await advanced(storage, ODD, CAROL, DeliveryState.READ)

    assert DeliveryState.DELIVERED is await own_state(storage, message)


async def test_all_are_adopted_when_many_have_odd_dates(own_postgres_database: Database) -> None:
    """Each call searches for only one message, so the search needs many ranges of dates."""
    storage = await seeded(own_postgres_database)
    short = replace(storage, adoption=SqlAdoptionRepository(own_postgres_database, 1))
    await run(own_postgres_database, 'ALTER TABLE messages ALTER "createdAt" DROP NOT NULL')
    dates = (
        "'58866-05-05'",
        "'infinity'",
        "'2020-01-01'",
        "'0044-03-15 BC'",
        "'-infinity'",
        "NULL",
    )
    ids = [f"odd_{number}" for number in range(3 * len(dates))]
    for message_id, date in zip(ids, 3 * dates, strict=True):
        await store_as_prisma(own_postgres_database, message_id)
        await write(own_postgres_database, message_id, "createdAt", date)

    for _ in range(4 * len(ids)):
        await adopt(short)

    assert sorted(ids) == sorted(message_id for _, message_id in await order_of(storage))


async def test_a_channel_is_private_when_its_kind_is_unknown_here(
    own_postgres_database: Database,
) -> None:
    """The id of a channel without a name is used as its name."""
    storage = await seeded(own_postgres_database)
    await run(own_postgres_database, NEW_KIND)
    await run(own_postgres_database, "ALTER TABLE channels ALTER name DROP NOT NULL")
    await run(own_postgres_database, "UPDATE channels SET name = NULL, type = 'BROADCAST'")

    channel = await storage.channels.find(GENERAL)

    assert channel is not None
    assert (ChannelType.PRIVATE, GENERAL) == (channel.type, channel.name)
