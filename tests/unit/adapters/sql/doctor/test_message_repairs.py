"""Tests of messages that the original backend has changed, on SQLite and on PostgreSQL."""

from collections.abc import AsyncIterator, Sequence

import pytest
from sqlalchemy import Executable, delete, insert, update

from app.adapters.sql.connection.database import Database
from app.adapters.sql.connection.limits import DEFAULT_LIMITS
from app.adapters.sql.doctor.examine import examine_database
from app.adapters.sql.doctor.message_repairs import repair_messages
from app.adapters.sql.schema.tables import (
    channel_members,
    channels,
    messages,
    read_receipts,
    users,
)
from app.domain.delivery import DeliveryState
from app.domain.ids import ChannelId, UserId
from app.domain.message import Message
from tests.contract.original_backend import order_of, store_as_prisma
from tests.contract.storage import (
    ALICE,
    BOB,
    CAROL,
    GENERAL,
    MALLORY,
    MEMBERSHIP,
    RANDOM,
    UNHURRIED,
    Storage,
    add,
    draft,
    opened,
    sql_storage,
)
from tests.doubles.manual_clock import DEFAULT_START as NOW
from tests.postgres_server import FSYNC_WARNING

RENAMED = ChannelId("renamed")
LIKE_OURS = "00000000-0000-8000-8000-000000000001"
MIGRATE = "run `python -m app migrate`."
READ = DeliveryState.READ
SENT = DeliveryState.SENT
READERS = (ALICE, BOB, MALLORY)


class Chat:
    """An open database, and the URL with which the doctor examines it."""

    def __init__(self, database: Database, url: str) -> None:
        self.storage: Storage = sql_storage(database)
        self.url = url
        self._database = database

    async def execute(self, *statements: Executable) -> None:
        async with self._database.transaction() as connection:
            for statement in statements:
                await connection.execute(statement)

    async def store_as_prisma(self, message_id: str) -> None:
        await store_as_prisma(self._database, message_id)

    async def warnings(self) -> Sequence[str]:
        examination = await examine_database(self.url, UNHURRIED)
        assert () == examination.differences
        return [each for each in examination.warnings if each != FSYNC_WARNING]

    async def repair(self) -> Sequence[str]:
        return await repair_messages(self.url, DEFAULT_LIMITS, NOW)

    async def undelivered(self, user_id: UserId) -> list[str]:
        page = await self.storage.deliveries.undelivered(user_id, after=0, limit=100)
        return [message.id for message in page.messages]

    async def states(self, message: Message) -> dict[UserId, DeliveryState]:
        page = await self.storage.deliveries.statuses(message.id, ALICE)
        return {each.recipient_id: each.status for each in page.statuses}


@pytest.fixture(params=["sqlite", "postgres"])
async def chat(request: pytest.FixtureRequest) -> AsyncIterator[Chat]:
    """A migrated database with the members of the contract tests."""
    is_sqlite = request.param == "sqlite"
    url = request.getfixturevalue("migrated_sqlite_url" if is_sqlite else "postgres_url")
    async with opened(Database(url, migrate=False, limits=UNHURRIED)) as database:
        chat = Chat(database, url)
        await chat.storage.channels.seed(MEMBERSHIP)
        await chat.execute(update(channel_members).values(joined_at=NOW))
        yield chat


async def test_a_moved_message_is_numbered_in_its_new_channel(chat: Chat) -> None:
    """Members of the new channel receive the message as a new one; other readers do not."""
    moved, stays = [await add(chat.storage, draft()) for _ in range(2)]
    there = await add(chat.storage, draft(channel_id=RANDOM))
    await chat.execute(
        update(messages).where(messages.c.id == moved.id).values(channelId=RANDOM),
        insert(read_receipts).values(messageId=moved.id, userId=CAROL, readAt=NOW),
    )

    (found,) = await chat.warnings()
    changes = await chat.repair()

    assert (
        "Messages that were moved to another channel keep their numbers in the old channel: 1, "
        f"such as {moved.id!r}; {MIGRATE}"
    ) == found
    assert ("Messages that were moved, with a new number at the end of their channel: 1.",) == (
        changes
    )
    assert [(2, stays.id)] == await order_of(chat.storage, GENERAL)
    assert [(1, there.id), (2, moved.id)] == await order_of(chat.storage, RANDOM)
    assert [stays.id, there.id, moved.id] == await chat.undelivered(BOB)
    assert {BOB: SENT} == await chat.states(moved)
    assert [] == await chat.warnings()


async def test_messages_keep_their_numbers_when_the_id_of_their_channel_changes(
    chat: Chat,
) -> None:
    """The numbers continue, even if the id changes twice."""
    sent = [await add(chat.storage, draft()) for _ in range(2)]
    await chat.execute(update(channels).where(channels.c.id == GENERAL).values(id="between"))
    sent.append(await add(chat.storage, draft(channel_id=ChannelId("between"))))
    await chat.execute(update(channels).where(channels.c.id == "between").values(id=RENAMED))
    sent.append(await add(chat.storage, draft(channel_id=RENAMED)))

    (found,) = await chat.warnings()
    changes = await chat.repair()

    assert found.startswith(
        "Messages of channels whose ids have changed are not in any history: 3, such as "
    )
    assert ("Messages that kept their numbers under their channel's new id: 3.",) == changes
    assert list(enumerate((message.id for message in sent), 1)) == (
        await order_of(chat.storage, RENAMED)
    )
    assert [message.id for message in sent] == await chat.undelivered(BOB)
    assert [] == await chat.warnings()


async def test_messages_are_numbered_anew_when_their_old_channel_is_deleted(chat: Chat) -> None:
    """Messages of the new channel may have the same numbers as the moved messages."""
    moved = [await add(chat.storage, draft()) for _ in range(2)]
    there = await add(chat.storage, draft(channel_id=RANDOM))
    await chat.execute(
        update(messages).where(messages.c.channelId == GENERAL).values(channelId=RANDOM),
        delete(channels).where(channels.c.id == GENERAL),
    )

    changes = await chat.repair()

    assert ("Messages that were moved, with a new number at the end of their channel: 2.",) == (
        changes
    )
    order = await order_of(chat.storage, RANDOM)
    assert (1, there.id) == order[0]
    assert {2, 3} == {seq for seq, _ in order[1:]}
    assert {message.id for message in moved} == {message_id for _, message_id in order[1:]}
    assert [] == await chat.warnings()


async def test_a_read_receipt_that_prisma_stores_later_counts_after_migrate(chat: Chat) -> None:
    """Read receipts of the author and of non-members do not count."""
    message = await add(chat.storage, draft())
    await chat.execute(
        insert(read_receipts).values(
            [{"messageId": message.id, "userId": each, "readAt": NOW} for each in READERS]
        )
    )

    (found,) = await chat.warnings()
    changes = await chat.repair()

    assert (
        "Read receipts that the original backend stored after this server had numbered the message "
        f"are not counted here (by message): 1, such as {message.id!r}; {MIGRATE}"
    ) == found
    assert ("Read receipts that are counted now: 1.",) == changes
    assert {BOB: READ, CAROL: SENT} == await chat.states(message)
    assert [] == await chat.undelivered(BOB)
    assert [] == await chat.warnings()


async def test_a_message_is_adopted_when_its_id_looks_like_ours(chat: Chat) -> None:
    """Running servers ignore a message whose id looks like one of theirs; ``migrate`` adopts it."""
    await add(chat.storage, draft())
    await chat.store_as_prisma(LIKE_OURS)

    (found,) = await chat.warnings()
    changes = await chat.repair()

    assert (
        "Messages of the original backend whose ids look like those of this server are not "
        f"adopted: 1, such as {LIKE_OURS!r}; {MIGRATE}"
    ) == found
    assert (
        "Messages that were adopted although their ids look like those of this server: 1.",
    ) == changes
    assert (2, LIKE_OURS) == (await order_of(chat.storage, GENERAL))[-1]
    assert [] == await chat.warnings()


@pytest.mark.parametrize("name", ["x" * 192, "line\nbreak", "zero\u200bwidth", ""])
async def test_an_id_is_named_when_clients_cannot_name_it(chat: Chat, name: str) -> None:
    await chat.execute(insert(users).values(id=name, updatedAt=NOW))

    (found,) = await chat.warnings()

    assert (
        "Clients cannot name users whose ids are empty, longer than 191 characters or not "
        f"printable: 1, such as {name!r}; change the ids."
    ) == found
    assert () == await chat.repair()


@pytest.mark.parametrize("name", ["x" * 191, "with space", "Zo\u00eb \u4f60\u597d"])
async def test_no_id_is_named_when_it_is_long_or_not_in_ascii(chat: Chat, name: str) -> None:
    await chat.execute(insert(users).values(id=name, updatedAt=NOW))

    assert [] == await chat.warnings()


async def test_no_more_than_a_thousand_are_counted(chat: Chat) -> None:
    """The doctor stops counting at a thousand, so that it need not read all rows."""
    rows = [{"id": f"{number:04}\n", "updatedAt": NOW} for number in range(1_001)]
    await chat.execute(insert(users).values(rows))

    (found,) = await chat.warnings()

    assert "more than 1,000, such as" in found
