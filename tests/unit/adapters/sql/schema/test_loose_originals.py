"""Tests migrating original databases that have harmless differences.

The tested module is app/adapters/sql/schema/upgrade.py.
"""

import pytest

from app.adapters.sql.connection.database import Database
from app.adapters.sql.connection.limits import DEFAULT_LIMITS
from app.adapters.sql.doctor.examine import Examination, examine_database
from app.adapters.sql.schema.upgrade import SchemaError
from app.domain.channel import Channel, ChannelType, MemberRole, MembershipOutcome
from app.domain.delivery import DeliveryState
from app.domain.ids import ChannelId
from tests.contract.original_backend import adopt, order_of, store_as_prisma
from tests.contract.receipts import advanced
from tests.contract.storage import ALICE, BOB, GENERAL, UNHURRIED, add, draft, opened, sql_storage
from tests.doubles.manual_clock import DEFAULT_START as NOW
from tests.postgres_server import FSYNC_WARNING, PostgresServer
from tests.prisma import LOOSE_TABLES, ROWS, TABLES

NEWS = Channel(ChannelId("news"), "News", None, ChannelType.PRIVATE, ALICE, NOW)
NO_SEED = "`seed` cannot add to users: the column email must not be NULL and has no default value."


@pytest.fixture
def loose_url(empty_postgres_url: str, postgres_server: PostgresServer) -> str:
    """An original database without NOT NULL, defaults, foreign keys and unused columns."""
    postgres_server.execute(LOOSE_TABLES, "empty")
    return empty_postgres_url


async def migrate(url: str) -> Examination:
    """Migrate a database, and return what the doctor finds afterwards."""
    async with opened(Database(url, migrate=True, limits=UNHURRIED)):
        pass
    return await examine_database(url, DEFAULT_LIMITS)


async def test_a_loose_original_is_taken_over_when_it_is_migrated(loose_url: str) -> None:
    """The doctor's only warning is that `seed` cannot add users."""
    found = await migrate(loose_url)

    assert Examination(warnings=(NO_SEED, FSYNC_WARNING)) == found


async def test_messages_and_receipts_are_stored_when_the_original_is_loose(loose_url: str) -> None:
    """Messages from before the migration can also be read."""
    async with opened(Database(loose_url, migrate=True, limits=UNHURRIED)) as database:
        storage = sql_storage(database)
        message = await add(storage, draft(content="x" * 4_000))
        waiting = (await storage.deliveries.undelivered_counts(BOB)).channels
        await advanced(storage, message.id, BOB, DeliveryState.READ)
        read = await storage.messages.list_after(GENERAL, BOB, 0, 10)
        edited = await storage.messages.update(message.id, ALICE, "changed", NOW)
        await storage.messages.delete(message.id, ALICE)

    assert {GENERAL: 1} == waiting
    assert ["message_001", message.id] == [each.id for each in read]
    assert DeliveryState.READ == read[1].delivery_status
    assert "changed" == edited.content


@pytest.mark.parametrize("column", ["userId", "channelId"])
@pytest.mark.parametrize("gone", ["NULL", "'gone'"])
async def test_messages_are_taken_in_when_one_before_them_has_lost_what_it_refers_to(
    loose_url: str, postgres_server: PostgresServer, column: str, gone: str
) -> None:
    """The adoption skips a message without an author or channel, and does not find it again."""
    lose = f"""UPDATE messages SET "{column}" = {gone} WHERE id = 'lost'"""  # noqa: S608 - values of the test
    async with opened(Database(loose_url, migrate=True, limits=UNHURRIED)) as database:
        storage = sql_storage(database)
        for message_id in ("lost", "message_002"):
            await store_as_prisma(database, message_id)
        postgres_server.execute(lose, "empty")

        found = await adopt(storage)
        left = await adopt(storage)
        order = await order_of(storage)

    assert ({GENERAL: ["message_002"]}, {}) == (found, left)
    assert [(1, "message_001"), (2, "message_002")] == order


async def test_a_channel_is_found_when_the_original_is_loose(loose_url: str) -> None:
    """A channel that only has an id uses its id as its name, and counts as PRIVATE."""
    async with opened(Database(loose_url, migrate=True, limits=UNHURRIED)) as database:
        channel = await sql_storage(database).channels.find(GENERAL)

    assert channel is not None
    assert (GENERAL, ChannelType.PRIVATE) == (channel.name, channel.type)


async def test_channels_change_when_the_original_is_loose(loose_url: str) -> None:
    """Channels with messages can be created, joined, left and deleted."""
    async with opened(Database(loose_url, migrate=True, limits=UNHURRIED)) as database:
        storage = sql_storage(database)
        await storage.channels.create(NEWS, {ALICE: MemberRole.OWNER})
        added = await storage.channels.add_member(NEWS.id, BOB, MemberRole.MEMBER, NOW)
        again = await storage.channels.add_member(NEWS.id, BOB, MemberRole.MEMBER, NOW)
        await add(storage, draft(channel_id=NEWS.id))
        removed = await storage.channels.remove_member(NEWS.id, BOB)
        before = await storage.channels.channels_of(ALICE)
        await storage.channels.remove_members(NEWS.id)
        await storage.channels.delete(NEWS.id)
        after = await storage.channels.channels_of(ALICE)

    assert (MembershipOutcome.JOINED, MembershipOutcome.NOTHING, True) == (added, again, removed)
    assert ((GENERAL, NEWS.id), (GENERAL,)) == (before, after)


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        (
            """CREATE TABLE pins ("messageId" text REFERENCES messages)""",
            (
                "No row of messages can be deleted while pins (messageId) refers to it: "
                "the foreign key is ON DELETE NO ACTION."
            ),
        ),
        (
            """CREATE TABLE rooms ("channelId" text REFERENCES channels ON DELETE RESTRICT)""",
            (
                "No row of channels can be deleted while rooms (channelId) refers to it: "
                "the foreign key is ON DELETE RESTRICT."
            ),
        ),
        (
            """ALTER TYPE "MessageDeliveryStatus" ADD VALUE 'QUEUED'""",
            "A message whose deliveryStatus is QUEUED is shown as SENT.",
        ),
        (
            "ALTER TABLE users ALTER email SET NOT NULL",
            NO_SEED,
        ),
    ],
)
async def test_a_warning_is_given_when_a_shared_table_restricts_operators_or_users(
    empty_postgres_url: str, postgres_server: PostgresServer, change: str, sentence: str
) -> None:
    """The migration succeeds in spite of the restriction."""
    postgres_server.execute(TABLES + ROWS, "empty")
    postgres_server.execute(change, "empty")

    found = await migrate(empty_postgres_url)

    assert Examination(warnings=(sentence, FSYNC_WARNING)) == found


async def test_differences_are_lines_in_one_order_when_there_are_several(
    empty_postgres_url: str, postgres_server: PostgresServer
) -> None:
    """Every run prints the differences in the same order."""
    postgres_server.execute(
        TABLES + 'ALTER TABLE messages DROP content, DROP "userId", ADD must text NOT NULL;'
        "ALTER TABLE users DROP name; DROP TABLE read_receipts",
        "empty",
    )

    with pytest.raises(SchemaError) as refused:
        await migrate(empty_postgres_url)

    assert [
        "The column messages.content is missing.",
        (
            "The column messages.must must not be NULL and has no default value, "
            "and this server does not write it."
        ),
        "The column messages.userId is missing.",
        "The column users.name is missing.",
        "The table read_receipts is missing.",
    ] == str(refused.value).splitlines()[1:]


async def test_migrating_names_the_table_when_it_has_the_name_of_a_new_one(
    empty_postgres_url: str, postgres_server: PostgresServer
) -> None:
    """The existing table may belong to another program, or ``alembic_version`` was lost."""
    postgres_server.execute(TABLES + "CREATE TABLE revocations (id int)", "empty")
    sentence = (
        "The table revocations already exists, but `migrate` must create it: rename or drop it."
    )

    with pytest.raises(SchemaError) as refused:
        await migrate(empty_postgres_url)
    found = await examine_database(empty_postgres_url, DEFAULT_LIMITS)

    assert sentence == str(refused.value).splitlines()[-1]
    assert sentence == found.differences[-1]
