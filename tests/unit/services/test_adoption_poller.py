from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import pytest

from app.adapters.memory.store import MemoryStore
from app.domain.errors import Unavailable, Unconfirmed
from app.domain.ids import ChannelId, MessageId
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
from tests.until import until


class UnsearchableMessages(LosingMessages):
    """Storage in which polls find no message of the original backend."""

    async def find_unsequenced(
        self, *args: Any, **kwargs: Any
    ) -> Mapping[ChannelId, Sequence[MessageId]]:
        del args, kwargs
        return {}


async def test_channel_receives_it_when_the_original_backend_stores_too(
    make_services: MakeServices,
    store: MemoryStore,
    broadcaster: RecordingBroadcaster,
) -> None:
    """The poller publishes the messages even if this node has published nothing in the channel."""
    losing_messages = LosingMessages(store)
    services = make_services(losing_messages, losing_messages)
    await store_on_another_node(losing_messages, BOB, "old")
    losing_messages.unadopted = [by_bob("1"), by_bob("2")]

    await services.poller.adopt()

    assert ["1", "2"] == contents(broadcaster)


async def test_channel_receives_it_without_a_poll_when_the_original_backend_publishes_it(
    make_services: MakeServices,
    store: MemoryStore,
    broadcaster: RecordingBroadcaster,
) -> None:
    """A failed adoption in one channel does not delay the other channels."""
    messages = UnsearchableMessages(store)
    services = make_services(messages, messages)
    drafts = [by_bob("1"), replace(by_bob("2"), channel_id=RANDOM)]
    messages.unadopted = drafts
    messages.failing = {GENERAL}

    await services.poller.on_module_init()
    for draft in drafts:
        services.poller.announce(draft.id, draft.channel_id)
    await until(lambda: ["2"] == contents(broadcaster))
    messages.failing = set()
    services.poller.announce(drafts[0].id, GENERAL)
    await until(lambda: ["2", "1"] == contents(broadcaster))
    await services.poller.on_module_destroy()

    assert [] == messages.unadopted


async def test_channel_receives_it_when_the_adoption_was_unconfirmed(
    make_services: MakeServices,
    store: MemoryStore,
    broadcaster: RecordingBroadcaster,
) -> None:
    """The messages are stored although `adopt` raises `Unconfirmed`, so `catch_up` publishes them.

    After the error, a transaction adopts half as many messages.
    """
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
    """The rejected message is logged once without its content, and is not tried again."""
    losing_messages = LosingMessages(store)
    services = make_services(losing_messages, losing_messages)
    rejected = by_bob(REJECTED)
    others = [by_bob(str(number)) for number in range(MAX_ADOPTED)]
    losing_messages.unadopted = [rejected, *others]

    await services.poller.adopt()
    published_by_one_call = contents(broadcaster)
    await services.poller.adopt()

    assert [draft.content for draft in others] == published_by_one_call == contents(broadcaster)
    assert [f"cannot adopt the message {rejected.id} of the original backend"] == caplog.messages


async def test_other_channels_are_adopted_when_one_cannot_be_adopted_now(
    make_services: MakeServices,
    store: MemoryStore,
    broadcaster: RecordingBroadcaster,
) -> None:
    """Only the adoption in the first channel raises `Unconfirmed`."""
    losing_messages = LosingMessages(store)
    services = make_services(losing_messages, losing_messages)
    losing_messages.unadopted = [by_bob("1"), replace(by_bob("2"), channel_id=RANDOM)]
    losing_messages.losses = 1

    with pytest.raises(Unconfirmed):
        await services.poller.adopt()

    assert ["1", "2"] == contents(broadcaster)


async def test_other_channels_are_adopted_when_the_oldest_messages_cannot_be(
    make_services: MakeServices,
    store: MemoryStore,
    broadcaster: RecordingBroadcaster,
) -> None:
    """Only the failing channel gets smaller transactions, and each call tries only one of them."""
    losing_messages = LosingMessages(store)
    services = make_services(losing_messages, losing_messages)
    old = [by_bob(f"old {number}") for number in range(MAX_ADOPTED + 1)]
    new = [replace(by_bob(str(number)), channel_id=RANDOM) for number in range(2 * MAX_ADOPTED + 1)]
    losing_messages.unadopted = [*old, *new]
    losing_messages.failing = {GENERAL}

    for _ in range(2):
        with pytest.raises(Unavailable):
            await services.poller.adopt()
    published_meanwhile = contents(broadcaster)
    losing_messages.failing = set()
    await services.poller.adopt()

    whole, half, quarter = MAX_ADOPTED, MAX_ADOPTED // 2, MAX_ADOPTED // 4
    assert [draft.content for draft in new] == published_meanwhile
    assert [draft.content for draft in [*new, *old]] == contents(broadcaster)
    assert [whole, whole, whole, 1, half, quarter, half, quarter + 1] == (
        losing_messages.adopted_at_once
    )


async def test_other_channels_are_adopted_when_a_message_is_locked(
    make_services: MakeServices,
    store: MemoryStore,
    broadcaster: RecordingBroadcaster,
) -> None:
    """Adoption in the channel of the locked message continues at the next call."""
    losing_messages = LosingMessages(store)
    services = make_services(losing_messages, losing_messages)
    locked = by_bob("locked")
    others = [by_bob(str(number)) for number in range(1, MAX_ADOPTED)]
    losing_messages.unadopted = [
        locked,
        *others,
        by_bob("later"),
        replace(by_bob("in random"), channel_id=RANDOM),
    ]
    losing_messages.locked = {locked.id}

    await services.poller.adopt()
    published_meanwhile = contents(broadcaster)
    losing_messages.locked = set()
    await services.poller.adopt()

    expected = [*(draft.content for draft in others), "in random"]
    assert expected == published_meanwhile
    assert [*expected, "locked", "later"] == contents(broadcaster)


async def test_other_channels_are_adopted_and_published_when_one_cannot_be_read(
    make_services: MakeServices, store: MemoryStore, broadcaster: RecordingBroadcaster
) -> None:
    messages = UnreadableMessages(store)
    messages.error = Unavailable()
    services = make_services(messages, messages)
    in_general = [by_bob(str(number)) for number in range(MAX_ADOPTED)]
    messages.unadopted = [*in_general, replace(by_bob("in random"), channel_id=RANDOM)]

    with pytest.raises(Unavailable):
        await services.poller.adopt()
    published_meanwhile = contents(broadcaster)
    messages.is_unreadable = False
    await services.poller.adopt()

    expected = ["in random", *(draft.content for draft in in_general)]
    assert ["in random"] == published_meanwhile
    assert expected == contents(broadcaster)


async def test_sends_are_acked_and_other_channels_published_when_a_row_cannot_be_read(
    make_services: MakeServices,
    store: MemoryStore,
    broadcaster: RecordingBroadcaster,
    caplog: pytest.LogCaptureFixture,
) -> None:
    """When the row becomes readable again, the messages after it are published too."""
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
