"""The repositories of one database, and the users and channels that all suites use."""

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import datetime
from typing import TypeVar

from sqlalchemy import delete

from app.adapters.memory.adoption_repository import MemoryAdoptionRepository
from app.adapters.memory.channel_repository import MemoryChannelRepository
from app.adapters.memory.delivery_repository import MemoryDeliveryRepository
from app.adapters.memory.message_repository import MemoryMessageRepository
from app.adapters.memory.store import MemoryStore
from app.adapters.sql.channels.repository import SqlChannelRepository
from app.adapters.sql.connection.database import Database
from app.adapters.sql.connection.limits import DatabaseLimits
from app.adapters.sql.deliveries.repository import SqlDeliveryRepository
from app.adapters.sql.messages.adoption_repository import SqlAdoptionRepository
from app.adapters.sql.messages.repository import SqlMessageRepository
from app.adapters.sql.schema.tables import channel_members
from app.domain.ids import ChannelId, ClientMessageId, UserId, new_message_id
from app.domain.message import Message, MessageDraft
from app.ports import (
    AddOutcome,
    AdoptionRepository,
    ChannelRepository,
    DeliveryRepository,
    Membership,
    MessageRepository,
    StoredMessage,
)
from tests.deadlines import ANSWER_SECONDS
from tests.doubles.manual_clock import DEFAULT_START as NOW

OpenDatabase = TypeVar("OpenDatabase", bound=Database)

ALICE = UserId("user_alice")
BOB = UserId("user_bob")
CAROL = UserId("user_carol")
MALLORY = UserId("user_mallory")
GENERAL = ChannelId("general")
RANDOM = ChannelId("random")
NOBODY_ELSE = ChannelId("nobody-else")

MEMBERSHIP: Membership = {
    ALICE: [GENERAL, RANDOM, NOBODY_ELSE],
    BOB: [GENERAL, RANDOM],
    CAROL: [GENERAL],
    MALLORY: [],
}


UNHURRIED = DatabaseLimits(
    pool_timeout_seconds=ANSWER_SECONDS,
    statement_timeout_seconds=ANSWER_SECONDS,
    lock_timeout_seconds=ANSWER_SECONDS,
    answer_seconds=ANSWER_SECONDS,
)
"""Time limits that a working database does not reach, even on a busy machine."""


@dataclass(frozen=True, slots=True)
class Storage:
    """The repositories of one database.

    Attributes:
        leave: A function that deletes a membership directly, as the original backend does.
    """

    channels: ChannelRepository
    messages: MessageRepository
    adoption: AdoptionRepository
    deliveries: DeliveryRepository
    leave: Callable[[ChannelId, UserId], Awaitable[None]]


def memory_storage() -> Storage:
    """Return the repositories of an empty in-memory storage."""
    store = MemoryStore()

    async def leave(channel_id: ChannelId, user_id: UserId) -> None:
        store.leave(channel_id, user_id)

    return Storage(
        channels=MemoryChannelRepository(store),
        messages=MemoryMessageRepository(store),
        adoption=MemoryAdoptionRepository(),
        deliveries=MemoryDeliveryRepository(store),
        leave=leave,
    )


def sql_storage(database: Database) -> Storage:
    """Return repositories of an open SQL database."""

    async def leave(channel_id: ChannelId, user_id: UserId) -> None:
        row = (channel_members.c.channelId == channel_id, channel_members.c.userId == user_id)
        async with database.transaction() as connection:
            await connection.execute(delete(channel_members).where(*row))

    return Storage(
        channels=SqlChannelRepository(database),
        messages=SqlMessageRepository(database),
        adoption=SqlAdoptionRepository(database),
        deliveries=SqlDeliveryRepository(database),
        leave=leave,
    )


@asynccontextmanager
async def opened(database: OpenDatabase) -> AsyncIterator[OpenDatabase]:
    """Open a database, and close it at the end of the ``with`` block."""
    try:
        await database.on_module_init()
        yield database
    finally:
        await database.on_application_shutdown(None)


def draft(
    user_id: UserId = ALICE,
    channel_id: ChannelId = GENERAL,
    content: str = "hello",
    client_message_id: str | None = None,
) -> MessageDraft:
    """Return a message draft with a new id."""
    return MessageDraft(
        id=new_message_id(),
        channel_id=channel_id,
        user_id=user_id,
        content=content,
        client_message_id=None if client_message_id is None else ClientMessageId(client_message_id),
    )


async def add(storage: Storage, asked: MessageDraft, now: datetime = NOW) -> Message:
    """Store one draft, and return the new message. Fails the test if no message was added."""
    added = await add_one(storage, asked, now)
    assert isinstance(added, StoredMessage)
    assert added.is_new
    return added.message


async def add_one(storage: Storage, asked: MessageDraft, now: datetime = NOW) -> AddOutcome:
    """Store one draft and return its outcome."""
    (added,) = await storage.messages.add_all([asked], now)
    return added
