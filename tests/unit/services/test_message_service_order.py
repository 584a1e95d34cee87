"""Tests the order in which messages are stored and published (app/services/message_service.py)."""

import asyncio

import pytest

from app.adapters.memory.store import MemoryStore
from app.domain.errors import ClientMessageIdReused, Unavailable
from app.domain.events import ServerEvent
from app.domain.message import Message
from app.services.message_service import MessageService
from tests.doubles.recording_broadcaster import RecordingBroadcaster
from tests.unit.services.message_stores import (
    CLIENT_ID,
    MakeService,
    SlowMessages,
    contents,
    created,
)
from tests.unit.services.people import ALICE, BOB, GENERAL, RANDOM


@pytest.fixture
def slow_messages(store: MemoryStore) -> SlowMessages:
    return SlowMessages(store)


@pytest.fixture
def slow_service(make_service: MakeService, slow_messages: SlowMessages) -> MessageService:
    """The message service, with storage that returns late for the channel `general`."""
    return make_service(slow_messages)


async def test_channel_receives_messages_in_the_order_of_storing_when_writes_compete(
    slow_service: MessageService, slow_messages: SlowMessages, broadcaster: RecordingBroadcaster
) -> None:
    """Events that change a message come after the message."""
    first = asyncio.create_task(slow_service.send(ALICE, GENERAL, "one", CLIENT_ID))
    await slow_messages.stored.wait()
    (stored,) = await slow_messages.list_after(GENERAL, ALICE, 0, 10)
    others = asyncio.gather(
        slow_service.send(BOB, GENERAL, "two", None),
        slow_service.update(ALICE, stored.id, "one!"),
        slow_service.delete(ALICE, stored.id),
    )
    slow_messages.may_return.set()
    await asyncio.gather(first, others)

    published = [publication.event for publication in broadcaster.published]
    assert [
        ServerEvent.MESSAGE_CREATED,
        ServerEvent.MESSAGE_CREATED,
        ServerEvent.MESSAGE_UPDATED,
        ServerEvent.MESSAGE_DELETED,
    ] == published
    assert [1, 2] == [
        publication.payload.seq
        for publication in broadcaster.published[:2]
        if isinstance(publication.payload, Message)
    ]


async def test_send_does_not_wait_when_another_channel_is_slow(
    slow_service: MessageService, slow_messages: SlowMessages, broadcaster: RecordingBroadcaster
) -> None:
    """A slow write delays only the other writes of its channel."""
    slow = asyncio.create_task(slow_service.send(ALICE, GENERAL, "slow", None))
    await slow_messages.stored.wait()

    quick = await slow_service.send(BOB, RANDOM, "quick", None)
    published = list(broadcaster.published)
    slow_messages.may_return.set()
    await slow

    assert [created(quick)] == published


async def test_retry_is_compared_with_the_first_send_when_that_is_still_under_way(
    slow_service: MessageService, slow_messages: SlowMessages, broadcaster: RecordingBroadcaster
) -> None:
    """Both retries wait for the first send, and only one message is published."""
    first = asyncio.create_task(slow_service.send(ALICE, GENERAL, "hello", CLIENT_ID))
    await slow_messages.stored.wait()
    others = asyncio.gather(
        slow_service.send(ALICE, GENERAL, "hello", CLIENT_ID),
        slow_service.send(ALICE, GENERAL, "other", CLIENT_ID),
        return_exceptions=True,
    )
    slow_messages.may_return.set()

    repeated, reused = await others

    assert await first == repeated
    assert isinstance(reused, ClientMessageIdReused)
    assert [["hello"], ["hello", "other"]] == slow_messages.batches
    assert [created(await first)] == broadcaster.published


async def test_channel_receives_it_when_the_send_is_cancelled_after_the_commit(
    slow_service: MessageService, slow_messages: SlowMessages, broadcaster: RecordingBroadcaster
) -> None:
    """The message is published even if its sender disconnects after the commit."""
    send = asyncio.create_task(slow_service.send(ALICE, GENERAL, "hello", None))
    await slow_messages.stored.wait()

    send.cancel()
    with pytest.raises(asyncio.CancelledError):
        await send
    slow_messages.may_return.set()
    await slow_service.on_application_shutdown(None)

    published = [publication.event for publication in broadcaster.published]
    assert [ServerEvent.MESSAGE_CREATED] == published


async def test_sends_are_stored_together_when_they_come_together(
    slow_service: MessageService, slow_messages: SlowMessages, broadcaster: RecordingBroadcaster
) -> None:
    """Messages that arrive during a commit share the next commit. They are published in order."""
    sends = [
        asyncio.create_task(slow_service.send(user_id, GENERAL, content, None))
        for user_id, content in ((ALICE, "1"), (BOB, "2"), (ALICE, "3"))
    ]
    await slow_messages.stored.wait()
    slow_messages.may_return.set()
    await asyncio.gather(*sends)

    assert [["1"], ["2", "3"]] == slow_messages.batches
    assert ["1", "2", "3"] == contents(broadcaster)


async def test_channel_receives_a_change_when_the_other_sends_fail(
    slow_service: MessageService, slow_messages: SlowMessages, broadcaster: RecordingBroadcaster
) -> None:
    """The change is stored in its own transaction; only its publication waits for the sends."""
    (sent,) = await slow_messages.add_quickly(GENERAL)
    first = asyncio.create_task(slow_service.send(ALICE, GENERAL, "1", None))
    await slow_messages.stored.wait()
    second = asyncio.create_task(slow_service.send(BOB, GENERAL, "2", None))
    change = asyncio.create_task(slow_service.update(ALICE, sent.id, "new"))
    await asyncio.sleep(0)

    slow_messages.is_away = True
    slow_messages.may_return.set()
    outcomes = await asyncio.gather(first, second, change, return_exceptions=True)

    assert [Message, Unavailable, Message] == [type(outcome) for outcome in outcomes]
    assert ServerEvent.MESSAGE_UPDATED in [each.event for each in broadcaster.published]
