"""Tests sends that fail or are not confirmed (app/services/message_service.py)."""

import asyncio
from collections.abc import Collection, Mapping
from dataclasses import replace

import pytest

from app.adapters.memory.message_repository import MemoryMessageRepository
from app.adapters.memory.store import MemoryStore
from app.domain.errors import ClientMessageIdReused, Unavailable, Unconfirmed
from app.domain.events import ServerEvent
from app.domain.ids import ChannelId, SocketId, UserId
from app.domain.message import FailedMessage, Message
from app.domain.time_limits import UNCONFIRMED_SECONDS
from app.services.channels.member_cache import REFRESH_SECONDS
from app.services.message_service import MessageService
from tests.doubles.manual_clock import ManualClock
from tests.doubles.memory_socket_rooms import MemorySocketRooms
from tests.doubles.recording_broadcaster import Publication, RecordingBroadcaster
from tests.unit.services.message_stores import (
    CLIENT_ID,
    LosingMessages,
    MakeService,
    contents,
    created,
    store_on_another_node,
)
from tests.unit.services.people import ALICE, ALICES_PHONE, BOB, DAVE, GENERAL
from tests.unit.services.slow_channels import SlowChannels


class UnreadableChannels(SlowChannels):
    """Storage of channels that a test can delay or make unreadable.

    Attributes:
        is_unreadable: If true, reading the members raises an unexpected error.
    """

    is_unreadable = False

    async def members_of_all(
        self, channel_ids: Collection[ChannelId]
    ) -> Mapping[ChannelId, frozenset[UserId]]:
        if self.is_unreadable:
            raise ValueError("an unexpected row")
        return await super().members_of_all(channel_ids)


@pytest.fixture
def channels(store: MemoryStore) -> UnreadableChannels:
    return UnreadableChannels(store)


@pytest.fixture
def losing_messages(store: MemoryStore) -> LosingMessages:
    return LosingMessages(store)


@pytest.fixture
def losing_service(make_service: MakeService, losing_messages: LosingMessages) -> MessageService:
    """The message service, with storage whose commits are interrupted."""
    return make_service(losing_messages)


async def test_other_devices_are_notified_when_a_send_cannot_be_stored(
    losing_service: MessageService,
    losing_messages: LosingMessages,
    broadcaster: RecordingBroadcaster,
) -> None:
    """The sending socket gets the error as its ack. The channel receives nothing."""
    losing_messages.losses = 1

    with pytest.raises(Unavailable) as caught:
        await losing_service.send(ALICE, GENERAL, "hello", CLIENT_ID, ALICES_PHONE)

    failed = FailedMessage(GENERAL, CLIENT_ID, str(caught.value), "unavailable", temporary=True)
    expected = Publication("user:user_alice", ServerEvent.MESSAGE_FAILED, failed, ALICES_PHONE)
    assert [expected] == broadcaster.published


async def test_channel_receives_it_when_what_was_unconfirmed_is_found_stored(
    losing_service: MessageService,
    losing_messages: LosingMessages,
    broadcaster: RecordingBroadcaster,
) -> None:
    """The message turns out to be stored, and is published once."""
    losing_messages.losses = 1
    with pytest.raises(Unconfirmed):
        await losing_service.send(ALICE, GENERAL, "hello", None)

    await losing_service.catch_up()
    await losing_service.catch_up()

    assert ["hello"] == contents(broadcaster)


async def test_channel_receives_it_first_when_another_message_follows_what_was_unconfirmed(
    losing_service: MessageService,
    losing_messages: LosingMessages,
    broadcaster: RecordingBroadcaster,
) -> None:
    """Both messages are published once, in the order in which they were stored."""
    losing_messages.losses = 1
    with pytest.raises(Unconfirmed):
        await losing_service.send(ALICE, GENERAL, "one", None)

    await losing_service.send(BOB, GENERAL, "two", None)
    await losing_service.catch_up()

    assert ["one", "two"] == contents(broadcaster)


async def test_channel_receives_it_when_what_was_unconfirmed_is_sent_again(
    losing_service: MessageService,
    losing_messages: LosingMessages,
    broadcaster: RecordingBroadcaster,
) -> None:
    """The retry returns the stored message and publishes it on this node."""
    losing_messages.losses = 1
    with pytest.raises(Unconfirmed):
        await losing_service.send(ALICE, GENERAL, "hello", CLIENT_ID)

    message = await losing_service.send(ALICE, GENERAL, "hello", CLIENT_ID)

    assert [replace(created(message), local=True)] == broadcaster.published[1:]


async def test_other_content_is_refused_when_the_first_send_was_unconfirmed(
    losing_service: MessageService,
    losing_messages: LosingMessages,
    broadcaster: RecordingBroadcaster,
) -> None:
    """The first message was stored, so its client message id is used up."""
    losing_messages.losses = 1
    with pytest.raises(Unconfirmed):
        await losing_service.send(ALICE, GENERAL, "hello", CLIENT_ID)

    with pytest.raises(ClientMessageIdReused):
        await losing_service.send(ALICE, GENERAL, "other", CLIENT_ID)
    await losing_service.catch_up()

    assert ["hello"] == contents(broadcaster)


async def test_channel_receives_messages_in_the_order_of_storing_when_another_node_stores_too(
    message_service: MessageService,
    messages: MemoryMessageRepository,
    broadcaster: RecordingBroadcaster,
) -> None:
    """This node publishes the other node's messages before its own next message."""
    await message_service.send(ALICE, GENERAL, "1", None)
    await store_on_another_node(messages, BOB, "2")
    await store_on_another_node(messages, BOB, "3")

    await message_service.send(ALICE, GENERAL, "4", None)

    assert ["1", "2", "3", "4"] == contents(broadcaster)


async def test_channel_receives_it_when_what_was_unconfirmed_is_stored_late(
    losing_service: MessageService,
    losing_messages: LosingMessages,
    broadcaster: RecordingBroadcaster,
    clock: ManualClock,
) -> None:
    """A commit may take longer than the callers wait for it."""
    losing_messages.losses, losing_messages.holds_back = 1, True
    with pytest.raises(Unconfirmed):
        await losing_service.send(ALICE, GENERAL, "late", None)
    clock.advance(UNCONFIRMED_SECONDS - 1)
    await losing_service.catch_up()

    await losing_messages.land()
    await losing_service.catch_up()

    assert ["late"] == contents(broadcaster)


async def test_nothing_is_looked_for_when_what_was_unconfirmed_can_happen_no_more(
    losing_service: MessageService, losing_messages: LosingMessages, clock: ManualClock
) -> None:
    sent = await losing_service.send(ALICE, GENERAL, "hello", None)
    losing_messages.losses = 2
    for write in (
        losing_service.send(ALICE, GENERAL, "hi", None),
        losing_service.update(ALICE, sent.id, "new"),
    ):
        with pytest.raises(Unconfirmed):
            await write

    clock.advance(UNCONFIRMED_SECONDS)
    await losing_service.catch_up()

    assert ({}, []) == (losing_service._publisher._behind, losing_service._unconfirmed.items())


async def test_channel_receives_a_change_when_it_was_unconfirmed(
    losing_service: MessageService,
    losing_messages: LosingMessages,
    broadcaster: RecordingBroadcaster,
) -> None:
    """The change is published once, even though its author does not send it again."""
    changed = await losing_service.send(ALICE, GENERAL, "hello", None)
    deleted = await losing_service.send(ALICE, GENERAL, "hello", None)
    broadcaster.published.clear()
    losing_messages.losses = 2
    for write in (
        losing_service.update(ALICE, changed.id, "new"),
        losing_service.delete(ALICE, deleted.id),
    ):
        with pytest.raises(Unconfirmed):
            await write

    await losing_service.catch_up()
    await losing_service.catch_up()

    published = [publication.event for publication in broadcaster.published]
    assert [ServerEvent.MESSAGE_UPDATED, ServerEvent.MESSAGE_DELETED] == published


async def test_later_change_is_published_when_it_was_unconfirmed_during_the_publication_of_another(
    losing_service: MessageService,
    losing_messages: LosingMessages,
    channels: UnreadableChannels,
    broadcaster: RecordingBroadcaster,
    clock: ManualClock,
) -> None:
    """Publishing the first change does not drop the second one."""
    sent = await losing_service.send(ALICE, GENERAL, "hello", None)
    broadcaster.published.clear()
    losing_messages.losses = 2
    with pytest.raises(Unconfirmed):
        await losing_service.update(ALICE, sent.id, "first")
    clock.advance(REFRESH_SECONDS)
    channels.hold()
    catching_up = asyncio.create_task(losing_service.catch_up())
    await channels.asked.wait()

    with pytest.raises(Unconfirmed):
        await losing_service.update(ALICE, sent.id, "second")
    channels.may_answer.set()
    await catching_up
    await losing_service.catch_up()

    published = [
        publication.payload.content
        for publication in broadcaster.published
        if isinstance(publication.payload, Message)
    ]
    assert ["first", "second"] == published


async def test_stored_message_is_acked_and_published_later_when_members_cannot_be_reloaded(
    message_service: MessageService,
    channels: UnreadableChannels,
    rooms: MemorySocketRooms,
    broadcaster: RecordingBroadcaster,
) -> None:
    """The message is committed before the members are reloaded, because its sender is new."""
    rooms.connect(SocketId("daves-phone"), DAVE)
    await message_service.send(ALICE, GENERAL, "one", None)
    await channels.seed({DAVE: (GENERAL,)})
    channels.is_unreadable = True

    acked = await message_service.send(DAVE, GENERAL, "two", None)
    published_at_first = contents(broadcaster)
    channels.is_unreadable = False
    await message_service.catch_up()

    assert ("two", ["one"]) == (acked.content, published_at_first)
    assert ["one", "two"] == contents(broadcaster)
