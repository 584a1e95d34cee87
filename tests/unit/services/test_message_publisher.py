import asyncio
from collections.abc import Collection, Mapping, Sequence

import pytest

from app.adapters.memory.message_repository import MemoryMessageRepository
from app.adapters.memory.store import MemoryStore
from app.domain.errors import Unavailable
from app.domain.events import ServerEvent
from app.domain.ids import ChannelId, UserId, new_message_id
from app.domain.message import Message, MessageDraft
from app.ports import StoredMessage
from app.services.channels.member_cache import REFRESH_SECONDS
from app.services.message_publisher import MAX_CHANNELS, MAX_GAP, MessagePublisher
from app.services.room_sync import RoomSync
from app.services.typing_service import TypingService
from tests.doubles.manual_clock import DEFAULT_START as NOW
from tests.doubles.manual_clock import ManualClock
from tests.doubles.recording_broadcaster import RecordingBroadcaster
from tests.doubles.recording_nodes import RecordingNodes
from tests.unit.services.people import ALICE, ALICES_PHONE, BOB, GENERAL, RANDOM
from tests.unit.services.slow_channels import SlowChannels


class AwayMessages(MemoryMessageRepository):
    """A message storage that tests can make unavailable or slow.

    Attributes:
        is_away: If true, `stored_after` raises `Unavailable`.
        asked: Set when `last_seqs` is called.
        may_answer: `last_seqs` does not return while this event is cleared.
    """

    is_away = False

    def __init__(self, store: MemoryStore) -> None:
        super().__init__(store)
        self.asked = asyncio.Event()
        self.may_answer = asyncio.Event()
        self.may_answer.set()

    async def last_seqs(self, channel_ids: Collection[ChannelId]) -> Mapping[ChannelId, int]:
        answer = await super().last_seqs(channel_ids)
        self.asked.set()
        await self.may_answer.wait()
        return answer

    async def stored_after(
        self, channel_id: ChannelId, after_seq: int, limit: int
    ) -> tuple[Message, ...]:
        if self.is_away:
            raise Unavailable
        return await super().stored_after(channel_id, after_seq, limit)


@pytest.fixture
def messages(store: MemoryStore) -> AwayMessages:
    """Storage of messages that the test can make unavailable."""
    return AwayMessages(store)


@pytest.fixture
def channels(store: MemoryStore) -> SlowChannels:
    """Storage of channels that the test can make unavailable."""
    return SlowChannels(store)


async def stored(
    messages: MemoryMessageRepository,
    count: int,
    user_id: UserId = ALICE,
    channel_id: ChannelId = GENERAL,
) -> list[StoredMessage]:
    drafts = [
        MessageDraft(new_message_id(), channel_id, user_id, "hello", None) for _ in range(count)
    ]
    added = await messages.add_all(drafts, NOW)
    return [each for each in added if isinstance(each, StoredMessage)]


async def catch_up(publisher: MessagePublisher) -> None:
    """Publish the messages of `general` that are stored but not published."""
    publisher.fall_behind((GENERAL,), 0)
    await publisher.catch_up()


def published(broadcaster: RecordingBroadcaster) -> list[int]:
    """Return the ``seq`` of each published message, in the order of publication."""
    return [
        publication.payload.seq
        for publication in broadcaster.published
        if isinstance(publication.payload, Message)
    ]


async def test_messages_are_published_in_their_order_when_given_in_another(
    publisher: MessagePublisher, messages: AwayMessages, broadcaster: RecordingBroadcaster
) -> None:
    """A batch may have a retry of an older message after new messages."""
    one, two, three = await stored(messages, 3)

    await publisher.publish(GENERAL, [three, one, two])

    assert [1, 2, 3] == published(broadcaster)


async def test_messages_are_passed_over_when_they_were_published(
    publisher: MessagePublisher, messages: AwayMessages, broadcaster: RecordingBroadcaster
) -> None:
    one, two = await stored(messages, 2)
    await publisher.publish(GENERAL, [one, two])

    await publisher.publish(GENERAL, [StoredMessage(one.message, is_new=False)])
    await catch_up(publisher)

    assert [1, 2] == published(broadcaster)


@pytest.mark.parametrize("between", [1, 99, 100, 101, 250])
async def test_what_lies_between_is_published_first_when_others_stored_it(
    publisher: MessagePublisher,
    messages: AwayMessages,
    broadcaster: RecordingBroadcaster,
    between: int,
) -> None:
    """The messages of other nodes are all published, even if they fill several pages."""
    await publisher.publish(GENERAL, await stored(messages, 1))
    await stored(messages, between, BOB)

    await publisher.publish(GENERAL, await stored(messages, 1))

    assert list(range(1, between + 3)) == published(broadcaster)


async def test_message_between_is_published_when_another_node_stored_it_during_the_batch(
    publisher: MessagePublisher, messages: AwayMessages, broadcaster: RecordingBroadcaster
) -> None:
    """Another node can store a message between two transactions of one batch."""
    await publisher.prepare([GENERAL])
    one, _, three = await stored(messages, 3)

    await publisher.publish(GENERAL, [one, three])

    assert [1, 2, 3] == published(broadcaster)


async def test_message_is_published_to_this_nodes_clients_when_another_node_has_stored_it(
    messages: AwayMessages,
    room_sync: RoomSync,
    typing_service: TypingService,
    broadcaster: RecordingBroadcaster,
    clock: ManualClock,
) -> None:
    """The author repeats it on this node. Other nodes are notified in case they missed it."""
    nodes = RecordingNodes()
    publisher = MessagePublisher(messages, room_sync, typing_service, broadcaster, nodes, clock)
    await publisher.prepare([GENERAL])
    (message,) = await stored(messages, 1)

    for _ in range(2):
        await publisher.publish(GENERAL, [StoredMessage(message.message, is_new=False)])

    assert [1] == published(broadcaster)
    assert broadcaster.published[0].local
    assert [GENERAL] == nodes.announced


async def test_only_the_last_are_published_when_very_much_lies_between(
    publisher: MessagePublisher, messages: AwayMessages, broadcaster: RecordingBroadcaster
) -> None:
    """Clients see the gap in ``seq``, and can request the missing messages."""
    await publisher.publish(GENERAL, await stored(messages, 1))
    await stored(messages, MAX_GAP + 5, BOB)

    await publisher.publish(GENERAL, await stored(messages, 1))

    assert [1, *range(7, MAX_GAP + 8)] == published(broadcaster)


async def test_numbers_without_messages_are_passed_over_when_those_were_deleted(
    publisher: MessagePublisher, messages: AwayMessages, broadcaster: RecordingBroadcaster
) -> None:
    await publisher.publish(GENERAL, await stored(messages, 1))
    for each in await stored(messages, 2):
        await messages.delete(each.message.id, ALICE)

    await publisher.publish(GENERAL, await stored(messages, 1))

    assert [1, 4] == published(broadcaster)


async def test_nothing_is_published_out_of_order_when_the_storage_goes_away(
    publisher: MessagePublisher, messages: AwayMessages, broadcaster: RecordingBroadcaster
) -> None:
    """`catch_up` publishes the messages in order when the storage is available again."""
    await publisher.publish(GENERAL, await stored(messages, 1))
    await stored(messages, 1, BOB)
    last = await stored(messages, 1)
    messages.is_away = True

    with pytest.raises(Unavailable):
        await publisher.publish(GENERAL, last)
    published_while_away = published(broadcaster)
    messages.is_away = False
    await catch_up(publisher)

    assert [1] == published_while_away
    assert [1, 2, 3] == published(broadcaster)


async def test_history_is_not_published_when_a_channel_is_prepared_first(
    publisher: MessagePublisher, messages: AwayMessages, broadcaster: RecordingBroadcaster
) -> None:
    """Only messages that are stored after the preparation are published."""
    await stored(messages, 3)

    await publisher.prepare([GENERAL])
    await catch_up(publisher)
    await stored(messages, 1)
    await catch_up(publisher)

    assert [4] == published(broadcaster)


async def test_nothing_is_published_when_a_channel_was_never_prepared(
    publisher: MessagePublisher, messages: AwayMessages, broadcaster: RecordingBroadcaster
) -> None:
    """In an unprepared channel, the publisher cannot tell which messages are new."""
    await stored(messages, 3)

    await catch_up(publisher)

    assert [] == published(broadcaster)


async def test_messages_are_published_when_their_channel_was_made_again(
    publisher: MessagePublisher, messages: AwayMessages, broadcaster: RecordingBroadcaster
) -> None:
    """The sequences of the new channel start at 1 again."""
    before = await stored(messages, 3)
    await publisher.publish(GENERAL, before)

    for again in (before[:1], before[1:]):
        publisher.is_prepared(GENERAL)  # as before each batch
        await publisher.publish(GENERAL, again)

    assert [1, 2, 3, 1, 2, 3] == published(broadcaster)


async def test_typing_ends_first_when_a_message_is_published(
    publisher: MessagePublisher,
    messages: AwayMessages,
    typing_service: TypingService,
    broadcaster: RecordingBroadcaster,
) -> None:
    """The author's typing ends even if another node has stored the author's message."""
    await publisher.prepare([GENERAL])
    await typing_service.start(ALICE, GENERAL, ALICES_PHONE)
    broadcaster.published.clear()
    await stored(messages, 1)

    await catch_up(publisher)

    events: Sequence[ServerEvent] = [each.event for each in broadcaster.published]
    assert [ServerEvent.TYPING, ServerEvent.MESSAGE_CREATED] == events


async def test_the_oldest_is_forgotten_when_too_many_channels_are_remembered(
    publisher: MessagePublisher,
) -> None:
    """A dropped channel is prepared again before its next message."""
    await publisher.prepare([ChannelId(str(number)) for number in range(MAX_CHANNELS + 1)])

    assert MAX_CHANNELS == len(publisher._channels)
    assert "0" not in publisher._channels


async def test_history_is_not_published_when_a_prepared_channel_was_forgotten(
    publisher: MessagePublisher, messages: AwayMessages, broadcaster: RecordingBroadcaster
) -> None:
    await stored(messages, 3)
    await publisher.prepare([GENERAL])
    new = await stored(messages, 1)
    publisher.forget(GENERAL)

    await publisher.publish(GENERAL, new)

    assert [4] == published(broadcaster)


async def test_preparing_a_channel_is_unavailable_when_its_members_cannot_be_read(
    publisher: MessagePublisher, channels: SlowChannels
) -> None:
    """Without reading the members, a removed member could receive the next message."""
    channels.is_down = True

    with pytest.raises(Unavailable):
        await publisher.prepare([GENERAL])


async def test_message_is_published_once_when_a_slower_call_prepares_the_same_channel(
    publisher: MessagePublisher, messages: AwayMessages, broadcaster: RecordingBroadcaster
) -> None:
    """The slower call reads an older last ``seq``, which must not replace the newer one."""
    messages.may_answer.clear()
    preparing = asyncio.create_task(publisher.prepare([GENERAL]))
    await messages.asked.wait()
    await publisher.publish(GENERAL, await stored(messages, 1))

    messages.may_answer.set()
    await preparing
    await catch_up(publisher)

    assert [1] == published(broadcaster)


async def test_each_channel_stays_prepared_for_its_own_time_when_prepared_together(
    publisher: MessagePublisher, clock: ManualClock
) -> None:
    """`general` was prepared earlier, so it expires earlier than `random`."""
    await publisher.prepare([GENERAL])
    clock.advance(1)
    await publisher.prepare([GENERAL, RANDOM])

    clock.advance(REFRESH_SECONDS - 1)

    assert (False, True) == (publisher.is_prepared(GENERAL), publisher.is_prepared(RANDOM))


async def test_channel_stays_prepared_for_longer_when_its_members_are_reloaded(
    publisher: MessagePublisher, clock: ManualClock
) -> None:
    await publisher.prepare([GENERAL])
    clock.advance(1)

    await publisher.reload_members(GENERAL)
    clock.advance(REFRESH_SECONDS - 1)

    assert publisher.is_prepared(GENERAL)


async def test_channel_is_not_prepared_when_its_members_cannot_be_reloaded(
    publisher: MessagePublisher, channels: SlowChannels
) -> None:
    """The room may contain users who must not receive the next message."""
    await publisher.prepare([GENERAL])
    channels.is_down = True

    await publisher.reload_members(GENERAL)

    assert not publisher.is_prepared(GENERAL)
