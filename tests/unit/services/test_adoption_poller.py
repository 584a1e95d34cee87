from dataclasses import replace

import pytest

from app.adapters.memory.store import MemoryStore
from app.domain.errors import Unconfirmed
from app.services.adoption_poller import MAX_ADOPTED
from tests.doubles.recording_broadcaster import RecordingBroadcaster
from tests.unit.services.message_stores import (
    REJECTED,
    LosingMessages,
    MakeServices,
    UnreadableMessages,
    by_bob,
    contents,
    store_on_another_node,
)
from tests.unit.services.people import ALICE, BOB, GENERAL, RANDOM


async def test_channel_receives_it_when_the_original_backend_stores_too(
    make_services: MakeServices,
    store: MemoryStore,
    broadcaster: RecordingBroadcaster,
) -> None:
    """The poller publishes even in a channel in which this node has not published anything yet."""
    losing_messages = LosingMessages(store)
    services = make_services(losing_messages, losing_messages)
    await store_on_another_node(losing_messages, BOB, "old")
    losing_messages.unadopted = [by_bob("1"), by_bob("2")]

    await services.poller.adopt()

    assert ["1", "2"] == contents(broadcaster)


async def test_channel_receives_it_when_the_adoption_was_unconfirmed(
    make_services: MakeServices,
    store: MemoryStore,
    broadcaster: RecordingBroadcaster,
) -> None:
    """The message is published later, and the next transaction adopts half as many messages."""
    losing_messages = LosingMessages(store)
    services = make_services(losing_messages, losing_messages)
    losing_messages.unadopted = [by_bob(str(number)) for number in range(MAX_ADOPTED + 1)]
    losing_messages.losses = 1
    with pytest.raises(Unconfirmed):
        await services.poller.adopt()

    losing_messages.unadopted *= 2
    await services.messages.catch_up()
    published = contents(broadcaster)
    losing_messages.unadopted = [by_bob(str(number)) for number in range(MAX_ADOPTED)]
    await services.poller.adopt()

    assert [str(number) for number in range(MAX_ADOPTED)] == published
    assert [MAX_ADOPTED, MAX_ADOPTED // 2] == losing_messages.adopted_at_once[:2]


async def test_other_messages_are_adopted_when_the_storage_rejects_one(
    make_services: MakeServices,
    store: MemoryStore,
    broadcaster: RecordingBroadcaster,
    caplog: pytest.LogCaptureFixture,
) -> None:
    """The rejected message is logged once, without its content, and not tried again."""
    losing_messages = LosingMessages(store)
    services = make_services(losing_messages, losing_messages)
    rejected = by_bob(REJECTED)
    losing_messages.unadopted = [by_bob("1"), rejected, by_bob("2")]

    for _ in range(2):
        await services.poller.adopt()

    assert ["1", "2"] == contents(broadcaster)
    assert [f"cannot adopt the message {rejected.id} of the original backend"] == caplog.messages


async def test_other_channels_are_adopted_when_one_cannot_be_adopted_now(
    make_services: MakeServices,
    store: MemoryStore,
    broadcaster: RecordingBroadcaster,
) -> None:
    """The storage fails for the first channel only."""
    losing_messages = LosingMessages(store)
    services = make_services(losing_messages, losing_messages)
    losing_messages.unadopted = [by_bob("1"), replace(by_bob("2"), channel_id=RANDOM)]
    losing_messages.losses = 1

    with pytest.raises(Unconfirmed):
        await services.poller.adopt()

    assert ["1", "2"] == contents(broadcaster)


async def test_sends_are_acked_and_other_channels_published_when_a_row_cannot_be_read(
    make_services: MakeServices,
    store: MemoryStore,
    broadcaster: RecordingBroadcaster,
    caplog: pytest.LogCaptureFixture,
) -> None:
    """Messages behind the unreadable row are published when the row is readable again."""
    messages = UnreadableMessages(store)
    services = make_services(messages, messages)
    service = services.messages
    for channel_id in (GENERAL, RANDOM):
        await service.send(ALICE, channel_id, "1", None)
    await store_on_another_node(messages, BOB, "2")

    sent = await service.send(ALICE, GENERAL, "3", None)
    messages.unadopted = [replace(by_bob("2"), channel_id=RANDOM)]
    await services.poller.adopt()
    published_meanwhile = contents(broadcaster)
    messages.is_unreadable = False
    await service.catch_up()

    assert 3 == sent.seq
    assert ["1", "1", "2"] == published_meanwhile
    assert ["1", "1", "2", "2", "3"] == contents(broadcaster)
    assert {"stored messages could not be published: ValueError"} == set(caplog.messages)
