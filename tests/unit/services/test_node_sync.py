import asyncio
from collections.abc import AsyncIterator, Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Any

import pytest

from app.adapters.memory.adoption_repository import MemoryAdoptionRepository
from app.adapters.memory.delivery_repository import MemoryDeliveryRepository
from app.adapters.memory.limits import MemorySocketQuota
from app.adapters.memory.message_repository import MemoryMessageRepository
from app.adapters.memory.online_users import MemoryOnlineUsers
from app.adapters.memory.store import MemoryStore
from app.domain.channel import MembershipEvent, MembershipUpdate
from app.domain.errors import Unavailable
from app.domain.events import ServerEvent
from app.domain.ids import ChannelId, MessageId, UserId, new_message_id
from app.domain.message import Message, MessageDraft, MissedMessages
from app.domain.presence import PresenceChange
from app.domain.rooms import channel_room
from app.ports import ChannelEvent, StoredMessage
from app.services.adoption_poller import AdoptionPoller
from app.services.channels.member_cache import CURRENT_SECONDS, REFRESH_SECONDS
from app.services.delivery_service import DeliveryService
from app.services.event_service import EventService
from app.services.message_publisher import MAX_GAP, MessagePublisher
from app.services.message_service import MessageService
from app.services.node_sync import CATCH_UPS_AT_ONCE, MAX_WAITING, NodeSync
from app.services.presence_relay import EVENTS_AT_ONCE, PresenceRelay
from app.services.presence_service import PresenceService
from app.services.room_checks import CHANNELS_PER_QUERY, ROOM_KEPT_SECONDS, RoomChecks
from app.services.room_sync import RoomSync
from app.services.typing_service import OTHER_NODES_MARGIN_SECONDS, TypingService
from tests.deadlines import ANSWER_SECONDS
from tests.doubles.manual_clock import DEFAULT_START as NOW
from tests.doubles.manual_clock import ManualClock
from tests.doubles.memory_socket_rooms import MemorySocketRooms
from tests.doubles.recording_broadcaster import RecordingBroadcaster
from tests.doubles.recording_nodes import RecordingNodes
from tests.unit.services.conftest import TYPING_EXPIRY_SECONDS
from tests.unit.services.people import (
    ALICE,
    ALICES_PHONE,
    BOB,
    BOBS_PHONE,
    CAROL,
    DAVE,
    GENERAL,
    RANDOM,
)
from tests.unit.services.slow_channels import SlowChannels


class AwayMessages(MemoryMessageRepository):
    """A message storage that a test can make unavailable.

    Attributes:
        searches: How often `last_seqs` was called.
        failing: If it is not None, `last_seqs` fails as soon as this event is set.
    """

    is_away = False
    searches = 0
    failing: asyncio.Event | None = None

    async def last_seqs(self, channel_ids: Collection[ChannelId]) -> Mapping[ChannelId, int]:
        self.searches += 1
        if self.failing is not None:
            await self.failing.wait()
            raise Unavailable
        return await super().last_seqs(channel_ids)

    async def stored_after(
        self, channel_id: ChannelId, after_seq: int, limit: int
    ) -> tuple[Message, ...]:
        if self.is_away:
            raise Unavailable
        return await super().stored_after(channel_id, after_seq, limit)


class RecordingAdoption(MemoryAdoptionRepository):
    """Records the messages to adopt."""

    def __init__(self) -> None:
        self.adopted: list[MessageId] = []

    async def adopt(self, message_ids: Sequence[MessageId]) -> int:
        self.adopted += message_ids
        return await super().adopt(message_ids)


@dataclass(slots=True)
class Here:
    """This node. Records the events of other nodes that its clients receive."""

    sync: NodeSync
    publisher: MessagePublisher
    messages: AwayMessages
    broadcaster: RecordingBroadcaster
    sent: list[str | int] = field(default_factory=list)

    async def store(self, count: int = 1, channel_id: ChannelId = GENERAL) -> list[Message]:
        """Store messages of a member whose client is on another node."""
        author_id = CAROL if channel_id == GENERAL else BOB
        drafts = [
            MessageDraft(new_message_id(), channel_id, author_id, "hi", None) for _ in range(count)
        ]
        added = await self.messages.add_all(drafts, NOW)
        return [each.message for each in added if isinstance(each, StoredMessage)]

    def receive(self, name: str, payload: dict[str, Any], *, sent: str | int) -> None:
        """Receive an event of another node; ``sent`` is recorded when clients receive it."""
        send = partial(self.sent.append, sent)
        self.sync.receive(ChannelEvent(GENERAL, name, payload, send))

    def receive_message(self, message: Message) -> None:
        self.receive(ServerEvent.MESSAGE_CREATED, message.to_wire(), sent=message.seq)

    def receive_typing(self, user_id: UserId, *, is_typing: bool) -> None:
        payload = {"userId": user_id, "channelId": GENERAL, "isTyping": is_typing}
        self.receive(ServerEvent.TYPING, payload, sent=f"{user_id} {is_typing}")

    def receive_presence(self, user_id: UserId, channel_id: ChannelId, *, online: bool) -> None:
        payload = PresenceChange(channel_id, user_id, online).to_wire()
        send = partial(self.sent.append, f"{channel_id} {user_id} {online}")
        self.sync.receive(ChannelEvent(channel_id, ServerEvent.PRESENCE, payload, send))

    async def until(self, condition: Callable[[], bool]) -> None:
        async with asyncio.timeout(ANSWER_SECONDS):
            while not condition():  # noqa: ASYNC110 - there is no event to wait for
                await asyncio.sleep(0)

    def published(self) -> list[int]:
        """Return the ``seq`` of each message that was read from the storage and published."""
        payloads = [each.payload for each in self.broadcaster.published]
        return [each.seq for each in payloads if isinstance(each, Message)]


@pytest.fixture
def channels(store: MemoryStore) -> SlowChannels:
    """Storage of channels that the test can make slow or unavailable."""
    return SlowChannels(store)


@pytest.fixture
def messages(store: MemoryStore) -> AwayMessages:
    return AwayMessages(store)


@pytest.fixture
def nodes() -> RecordingNodes:
    return RecordingNodes()


@pytest.fixture
def publisher(
    messages: AwayMessages,
    room_sync: RoomSync,
    typing_service: TypingService,
    broadcaster: RecordingBroadcaster,
    nodes: RecordingNodes,
    clock: ManualClock,
) -> MessagePublisher:
    return MessagePublisher(messages, room_sync, typing_service, broadcaster, nodes, clock)


@pytest.fixture
def adoption() -> RecordingAdoption:
    return RecordingAdoption()


@pytest.fixture
def poller(
    adoption: RecordingAdoption,
    messages: AwayMessages,
    publisher: MessagePublisher,
    events: EventService,
    connected: RoomSync,
    broadcaster: RecordingBroadcaster,
    clock: ManualClock,
    store: MemoryStore,
) -> AdoptionPoller:
    service = MessageService(
        messages, publisher, events, connected, broadcaster, clock, store, max_content_chars=100
    )
    return AdoptionPoller(adoption, publisher, service, clock, interval_seconds=3_600)


@pytest.fixture
def deliveries(
    store: MemoryStore, broadcaster: RecordingBroadcaster, clock: ManualClock
) -> DeliveryService:
    return DeliveryService(MemoryDeliveryRepository(store), broadcaster, clock, store)


@pytest.fixture
def quota() -> MemorySocketQuota:
    return MemorySocketQuota(10)


@pytest.fixture
def room_checks(connected: RoomSync, clock: ManualClock) -> RoomChecks:
    return RoomChecks(connected, clock)


@pytest.fixture
async def presence_relay(room_checks: RoomChecks) -> AsyncIterator[PresenceRelay]:
    relay = PresenceRelay(room_checks)
    await relay.on_module_init()
    yield relay
    await relay.on_application_shutdown(None)


@pytest.fixture
async def presence(
    quota: MemorySocketQuota,
    channels: SlowChannels,
    events: EventService,
    connected: RoomSync,
    room_checks: RoomChecks,
    broadcaster: RecordingBroadcaster,
    clock: ManualClock,
) -> AsyncIterator[PresenceService]:
    online_users = MemoryOnlineUsers(quota)
    service = PresenceService(
        *(online_users, channels, events, connected, room_checks, broadcaster, clock)
    )
    await service.on_module_init()
    yield service
    await service.on_module_destroy()


@pytest.fixture
async def here(
    nodes: RecordingNodes,
    messages: AwayMessages,
    publisher: MessagePublisher,
    connected: RoomSync,
    rooms: MemorySocketRooms,
    typing_service: TypingService,
    poller: AdoptionPoller,
    presence: PresenceService,
    presence_relay: PresenceRelay,
    deliveries: DeliveryService,
    broadcaster: RecordingBroadcaster,
) -> AsyncIterator[Here]:
    """This node, with clients of Alice and Bob in `general`."""
    sync = NodeSync(
        *(nodes, messages, publisher, connected, rooms, typing_service, poller, presence),
        *(presence_relay, deliveries),
        pause_seconds=0.01,
        retry_seconds=0.01,
    )
    await sync.start([GENERAL])
    yield Here(sync, publisher, messages, broadcaster)
    await sync.on_application_shutdown(None)


async def test_recent_presence_is_published_again_when_other_nodes_may_have_missed_it(
    here: Here, presence: PresenceService, quota: MemorySocketQuota
) -> None:
    """Presence has no ``seq``, so other nodes cannot read it from the storage."""
    await quota.acquire(CAROL)
    presence.connected(CAROL)
    await here.until(lambda: len(here.broadcaster.published) == 1)

    here.sync.catch_up_all(tell_others=False)
    await here.until(lambda: len(here.broadcaster.published) == 2)

    first, second = here.broadcaster.published
    assert PresenceChange(GENERAL, CAROL, online=True) == first.payload == second.payload
    assert ("channel:general", False) == (second.room, second.local)


async def test_few_queries_check_the_rooms_when_presence_of_many_channels_arrives(
    here: Here, rooms: MemorySocketRooms, channels: SlowChannels, clock: ManualClock
) -> None:
    """A user with many channels has connected to another node."""
    many = [ChannelId(f"channel_{number}") for number in range(4 * EVENTS_AT_ONCE)]
    await channels.seed({ALICE: many})
    for channel_id in many:
        rooms.join([ALICE], channel_room(channel_id))
    queries = channels.queries

    for online in (True, False):
        for channel_id in many:
            here.receive_presence(CAROL, channel_id, online=online)
        clock.advance(ROOM_KEPT_SECONDS)
    await here.until(lambda: len(here.sent) == 2 * len(many))

    assert channels.queries <= queries + len(many) // CHANNELS_PER_QUERY
    assert channels.most_channels <= CHANNELS_PER_QUERY


async def test_messages_are_sent_once_when_they_arrive_in_order(here: Here) -> None:
    messages = await here.store(3)

    for message in (messages[0], messages[0], messages[1], messages[0], messages[2], messages[2]):
        here.receive_message(message)
    await here.until(lambda: len(here.sent) == 3)

    assert [1, 2, 3] == here.sent
    assert [] == here.broadcaster.published


async def test_earlier_messages_are_read_when_a_later_one_arrives_first(here: Here) -> None:
    """Earlier messages that arrive late are dropped."""
    messages = await here.store(4)

    here.receive_message(messages[2])
    here.receive_message(messages[3])
    await here.until(lambda: len(here.sent) == 2)
    here.receive_message(messages[0])
    here.receive_message(messages[1])
    here.receive_message((await here.store())[0])
    await here.until(lambda: len(here.sent) == 3)

    assert [1, 2] == here.published()
    assert all(each.local for each in here.broadcaster.published)
    assert [3, 4, 5] == here.sent


async def test_nothing_is_read_when_the_earlier_messages_arrive_soon(here: Here) -> None:
    """Two nodes have stored messages at the same time, and Redis got the later one first."""
    here.receive_message((await here.store())[0])
    await here.until(lambda: bool(here.sent))
    messages = await here.store(4)
    here.messages.is_away = True  # reading would fail, and clients would receive sync:required

    here.receive_message(messages[2])
    here.receive(ServerEvent.MESSAGE_UPDATED, messages[2].to_wire(), sent="updated")
    here.receive_message(messages[0])
    here.receive_message(messages[3])
    await asyncio.sleep(0)
    here.receive_message(messages[1])
    await here.until(lambda: len(here.sent) == 6)

    assert [1, 2, 3, 4, "updated", 5] == here.sent
    assert [] == here.broadcaster.published


async def test_own_message_waits_when_an_earlier_one_is_just_arriving(here: Here) -> None:
    """Nothing is read from the storage: reading would fail."""
    here.receive_message((await here.store())[0])
    await here.until(lambda: bool(here.sent))
    earlier, own = await here.store(2)
    here.messages.is_away = True

    stored = [StoredMessage(own, is_new=True)]
    publishing = asyncio.create_task(here.publisher.publish(GENERAL, stored))
    await asyncio.sleep(0)
    here.receive_message(earlier)
    await publishing

    assert [1, 2] == here.sent
    assert [3] == here.published()


async def test_own_message_is_not_sent_late_when_all_clients_were_exchanged_meanwhile(
    here: Here, nodes: RecordingNodes
) -> None:
    """The clients have connected after the message was stored, and have received later ones."""
    await here.publisher.prepare([GENERAL])
    own, *later = await here.store(3)
    here.publisher.forget(GENERAL)  # the first of the new clients connects
    for message in later:
        here.receive_message(message)
    await here.until(lambda: len(here.sent) == 2)

    await here.publisher.publish(GENERAL, [StoredMessage(own, is_new=True)])
    here.receive_message((await here.store())[0])

    assert [] == here.published()
    assert [2, 3, 4] == here.sent
    assert [GENERAL] == nodes.announced


async def test_other_events_wait_when_a_message_before_them_waits(here: Here) -> None:
    messages = await here.store(2)

    here.receive_message(messages[1])
    here.receive(ServerEvent.MESSAGE_UPDATED, messages[1].to_wire(), sent="updated")
    assert [] == here.sent
    await here.until(lambda: len(here.sent) == 2)

    assert [2, "updated"] == here.sent


async def test_clients_must_synchronise_when_earlier_messages_cannot_be_read(here: Here) -> None:
    """Later messages are sent in order."""
    messages = await here.store(4)
    here.messages.is_away = True

    here.receive_message(messages[2])
    here.receive_message(messages[3])
    await here.until(lambda: len(here.sent) == 2)

    (told,) = here.broadcaster.published
    assert (channel_room(GENERAL), "sync:required", True) == (told.room, told.event, told.local)
    assert MissedMessages(GENERAL, after_seq=0) == told.payload
    assert [3, 4] == here.sent


async def test_clients_must_synchronise_when_too_many_messages_are_missing(here: Here) -> None:
    messages = await here.store(MAX_GAP + 3)

    here.receive_message(messages[-1])
    await here.until(lambda: bool(here.sent))

    assert MissedMessages(GENERAL, after_seq=0) == here.broadcaster.published[0].payload
    assert list(range(3, MAX_GAP + 3)) == here.published()
    assert [MAX_GAP + 3] == here.sent


async def test_former_member_receives_nothing_when_the_event_of_the_removal_was_lost(
    here: Here, store: MemoryStore, rooms: MemorySocketRooms, nodes: RecordingNodes
) -> None:
    """Another node has loaded the members, and announces a different digest."""
    here.receive_message((await here.store())[0])
    await here.until(lambda: bool(here.sent))
    store.leave(GENERAL, BOB)
    here.receive_message((await here.store())[0])
    assert [1, 2] == here.sent
    assert {ALICES_PHONE, BOBS_PHONE} == rooms.sockets_in(channel_room(GENERAL))

    here.sync.compare_members(GENERAL, nodes.digests[-1][1] + 1)
    here.receive_message((await here.store())[0])
    await here.until(lambda: len(here.sent) == 3)

    assert {ALICES_PHONE} == rooms.sockets_in(channel_room(GENERAL))


async def test_former_member_receives_nothing_when_no_node_announces_the_removal(
    here: Here, store: MemoryStore, rooms: MemorySocketRooms, clock: ManualClock
) -> None:
    """Nodes of the original backend announce nothing. The members are loaded after some time."""
    here.receive_message((await here.store())[0])
    await here.until(lambda: bool(here.sent))
    store.leave(GENERAL, BOB)
    clock.advance(CURRENT_SECONDS)

    here.receive(ServerEvent.MESSAGE_UPDATED, {"content": "secret"}, sent="updated")
    await here.until(lambda: len(here.sent) == 2)

    assert {ALICES_PHONE} == rooms.sockets_in(channel_room(GENERAL))


async def test_digest_is_not_announced_when_it_equals_the_received_one(
    here: Here, nodes: RecordingNodes, channels: SlowChannels, connected: RoomSync
) -> None:
    """Otherwise, each node would answer an announcement with its own."""
    here.receive_message((await here.store())[0])
    await here.until(lambda: bool(here.sent))
    ((channel_id, digest),) = nodes.digests
    here.sync.catch_up_all(tell_others=False)
    await here.until(lambda: not connected.is_current(GENERAL))
    queries = channels.queries

    here.sync.compare_members(channel_id, digest)
    here.receive_message((await here.store())[0])
    await here.until(lambda: channels.queries > queries)
    await here.until(lambda: here.published() + here.sent[1:] == [2])

    assert 1 == len(nodes.digests)


async def test_members_are_loaded_once_when_other_nodes_announce_the_same_ones(
    here: Here, channels: SlowChannels, nodes: RecordingNodes, clock: ManualClock
) -> None:
    """The digest includes the changes that other nodes have published."""
    here.receive_message((await here.store())[0])
    await here.until(lambda: bool(here.sent))
    queries = channels.queries
    joined = MembershipUpdate(MembershipEvent.JOINED, GENERAL, frozenset({DAVE}))
    left = MembershipUpdate(MembershipEvent.LEFT, GENERAL, frozenset({DAVE}))

    here.sync.compare_members(*nodes.digests[0])
    here.sync.apply_membership(joined, 1)
    here.sync.apply_membership(left, 1)
    here.sync.compare_members(*nodes.digests[0])
    clock.advance(REFRESH_SECONDS)
    here.receive_message((await here.store())[0])

    assert [1, 2] == here.sent
    assert queries == channels.queries
    assert 1 == len(nodes.digests)


async def test_events_are_sent_when_the_members_cannot_be_loaded(
    here: Here, channels: SlowChannels
) -> None:
    """The events are sent to the sockets that are in the room, without a check of the members."""
    channels.is_down = True

    here.receive_message((await here.store())[0])
    await here.until(lambda: bool(here.sent))

    assert [1] == here.sent


async def test_messages_are_read_from_the_storage_when_too_many_wait(here: Here) -> None:
    messages = await here.store(MAX_WAITING + 50)

    for message in messages:
        here.receive_message(message)
    await here.until(lambda: len(here.sent) + len(here.published()) == len(messages))

    assert [*range(1, MAX_WAITING)] == here.sent
    assert [*range(MAX_WAITING, len(messages) + 1)] == here.published()


async def test_message_is_adopted_at_once_when_a_node_of_the_original_backend_publishes_it(
    here: Here, poller: AdoptionPoller, adoption: RecordingAdoption
) -> None:
    """The event has no ``seq`` and is not sent. The adopted message is published instead."""
    await poller.on_module_init()

    for message_id in ("not\0valid", None, "foreign"):
        payload = {"id": message_id, "content": "hi"}
        here.receive(ServerEvent.MESSAGE_CREATED, payload, sent="foreign")
    await here.until(lambda: adoption.adopted != [])
    await poller.on_module_destroy()

    assert ["foreign"] == adoption.adopted
    assert [] == here.sent


async def test_other_nodes_read_messages_when_this_node_has_adopted_them(
    here: Here, nodes: RecordingNodes
) -> None:
    await here.publisher.prepare([GENERAL])
    await here.store()

    here.publisher.fall_behind([GENERAL], 0)
    await here.publisher.catch_up()

    assert [GENERAL] == nodes.announced
    assert [1] == here.published()
    assert all(each.local for each in here.broadcaster.published)


async def test_missed_messages_are_published_when_another_node_announces_them(here: Here) -> None:
    await here.store(2)
    await here.store(1, RANDOM)

    here.sync.catch_up(GENERAL)
    here.sync.catch_up(RANDOM)
    await here.until(lambda: len(here.published()) == 2)

    assert [1, 2] == here.published()


async def test_all_missed_messages_are_published_when_events_may_have_been_lost(
    here: Here, nodes: RecordingNodes
) -> None:
    """The search is repeated until the storage answers. Then the other nodes are notified."""
    await here.store(2)
    here.messages.is_away = True

    here.sync.catch_up_all(tell_others=True)
    await here.until(lambda: bool(nodes.announced))
    assert [] == here.published()
    here.messages.is_away = False
    await here.until(lambda: len(here.published()) == 2)

    assert [None] == nodes.announced


async def test_other_nodes_are_notified_when_messages_were_lost_during_a_search_that_fails(
    here: Here, nodes: RecordingNodes
) -> None:
    here.messages.failing = asyncio.Event()
    here.sync.catch_up_all(tell_others=False)
    await asyncio.sleep(0)

    here.sync.catch_up_all(tell_others=True)
    here.messages.failing.set()
    await asyncio.sleep(0)
    here.messages.failing = None
    await here.until(lambda: bool(nodes.announced))

    assert [None] == nodes.announced


async def test_first_client_of_a_channel_waits_when_the_subscription_is_not_confirmed(
    here: Here, nodes: RecordingNodes, rooms: MemorySocketRooms
) -> None:
    """Messages that are stored before the confirmation are not published. Later ones are."""
    assert [RANDOM] == here.sync.without_clients([GENERAL, RANDOM])
    rooms.connect(ALICES_PHONE, ALICE, channel_room(RANDOM))
    nodes.may_confirm.clear()
    first = asyncio.create_task(here.sync.start([RANDOM]))
    await asyncio.sleep(0)
    assert [RANDOM] == here.sync.without_clients([GENERAL, RANDOM])
    second = asyncio.create_task(here.sync.start([RANDOM]))
    await here.store(2, RANDOM)
    await asyncio.sleep(0)
    assert not first.done()
    assert not second.done()

    nodes.may_confirm.set()
    await asyncio.gather(first, second)
    await here.store(1, RANDOM)
    here.sync.catch_up(RANDOM)
    await here.until(lambda: bool(here.published()))

    assert [] == here.sync.without_clients([GENERAL, RANDOM])
    assert [3] == here.published()


async def test_first_client_is_admitted_when_the_other_nodes_are_not_reached(
    here: Here, nodes: RecordingNodes, rooms: MemorySocketRooms
) -> None:
    rooms.connect(ALICES_PHONE, ALICE, channel_room(RANDOM))
    nodes.is_connected = False
    await here.store(2, RANDOM)

    await here.sync.start([RANDOM])
    await here.store(1, RANDOM)
    here.sync.catch_up_all(tell_others=False)
    await here.until(lambda: bool(here.published()))

    assert [3] == here.published()


async def test_new_member_receives_messages_when_another_node_has_added_the_member(
    here: Here, nodes: RecordingNodes, rooms: MemorySocketRooms
) -> None:
    """Messages between the change and the subscription are read from the storage."""
    rooms.connect(BOBS_PHONE, BOB)
    nodes.may_confirm.clear()
    await here.store(3, RANDOM)
    last_seq = 2

    update = MembershipUpdate(MembershipEvent.JOINED, RANDOM, frozenset({BOB}))
    here.sync.apply_membership(update, last_seq)
    assert {BOBS_PHONE} == rooms.sockets_in(channel_room(RANDOM))
    nodes.may_confirm.set()
    await here.until(lambda: bool(here.published()))

    assert [3] == here.published()


async def test_typing_of_another_node_is_listed_until_it_ends(
    here: Here, typing_service: TypingService
) -> None:
    await here.publisher.prepare([GENERAL])
    here.receive_typing(CAROL, is_typing=True)
    listed = await typing_service.list(ALICE, GENERAL)

    here.receive_typing(CAROL, is_typing=False)
    here.receive_typing(CAROL, is_typing=False)

    assert [CAROL] == [each.user_id for each in listed]
    assert () == await typing_service.list(ALICE, GENERAL)
    assert [f"{CAROL} True", f"{CAROL} False"] == here.sent
    assert [] == here.broadcaster.published


async def test_typing_of_another_node_expires_when_that_node_has_crashed(
    here: Here, clock: ManualClock, typing_service: TypingService
) -> None:
    """``typing`` with ``isTyping: false`` is published only to the clients of this node."""
    await here.publisher.prepare([GENERAL])
    here.receive_typing(CAROL, is_typing=True)

    clock.advance(TYPING_EXPIRY_SECONDS + OTHER_NODES_MARGIN_SECONDS)
    await here.until(lambda: bool(here.broadcaster.published))

    (end,) = here.broadcaster.published
    assert (ServerEvent.TYPING, True) == (end.event, end.local)
    assert () == await typing_service.list(ALICE, GENERAL)


async def test_typing_does_not_end_when_the_user_types_on_another_node(
    here: Here, typing_service: TypingService
) -> None:
    """Typing continues while the user types on at least one node."""
    await here.publisher.prepare([GENERAL])
    await typing_service.start(ALICE, GENERAL, ALICES_PHONE)
    here.receive_typing(ALICE, is_typing=True)
    here.broadcaster.published.clear()

    here.receive_typing(ALICE, is_typing=False)
    still_typing = await typing_service.list(BOB, GENERAL)
    here.receive_typing(ALICE, is_typing=True)
    await typing_service.stop(ALICE, GENERAL, ALICES_PHONE)

    assert [ALICE] == [each.user_id for each in still_typing]
    assert [ALICE] == [each.user_id for each in await typing_service.list(BOB, GENERAL)]
    assert [f"{ALICE} True"] * 2 == here.sent
    assert [] == here.broadcaster.published


async def test_typing_ends_here_when_a_message_of_the_user_arrives(
    here: Here, typing_service: TypingService
) -> None:
    """The event that ends typing is volatile, so it may have been lost."""
    await here.publisher.prepare([GENERAL])
    here.receive_typing(CAROL, is_typing=True)

    here.receive_message((await here.store())[0])

    assert () == await typing_service.list(ALICE, GENERAL)
    (end,) = here.broadcaster.published
    assert (ServerEvent.TYPING, True) == (end.event, end.local)
    assert [f"{CAROL} True", 1] == here.sent


async def test_no_message_is_skipped_when_one_arrives_while_the_first_client_connects(
    here: Here, nodes: RecordingNodes, rooms: MemorySocketRooms
) -> None:
    """The client receives every message after the first one that reached it."""
    rooms.disconnect(ALICES_PHONE)
    rooms.disconnect(BOBS_PHONE)
    messages = await here.store(4)
    rooms.connect(BOBS_PHONE, BOB, channel_room(GENERAL))
    nodes.may_confirm.clear()
    started = asyncio.create_task(here.sync.start([GENERAL]))
    here.receive_message(messages[1])
    await here.until(lambda: bool(here.sent))

    nodes.may_confirm.set()
    await started
    await here.until(lambda: len(here.published()) == 2)
    for message in messages:
        here.receive_message(message)

    assert [2] == here.sent
    assert [3, 4] == here.published()


async def test_earlier_messages_are_not_published_when_the_channel_had_no_clients_meanwhile(
    here: Here, nodes: RecordingNodes, rooms: MemorySocketRooms
) -> None:
    """A message that arrives before the first client is admitted does not change this."""
    here.receive_message((await here.store())[0])
    await here.until(lambda: bool(here.sent))
    rooms.disconnect(ALICES_PHONE)
    rooms.disconnect(BOBS_PHONE)
    messages = await here.store(5)
    rooms.connect(BOBS_PHONE, BOB, channel_room(GENERAL))
    nodes.may_confirm.clear()

    started = asyncio.create_task(here.sync.start([GENERAL]))
    await asyncio.sleep(0)
    here.receive_message(messages[4])
    await here.until(lambda: len(here.sent) == 2)
    nodes.may_confirm.set()
    await started

    assert [1, 6] == here.sent
    assert [] == here.published()


async def test_events_are_sent_at_once_when_no_client_is_in_the_channel(
    here: Here, rooms: MemorySocketRooms, channels: SlowChannels
) -> None:
    """The recipients are in other rooms, so the channel's members are not loaded."""
    rooms.disconnect(ALICES_PHONE)
    rooms.disconnect(BOBS_PHONE)
    queries = channels.queries

    here.receive(ServerEvent.ROOM_MEMBER_JOINED, {"userId": CAROL}, sent="joined")

    assert ["joined"] == here.sent
    assert queries == channels.queries


async def test_clients_must_synchronise_when_too_many_messages_were_missed_in_an_outage(
    here: Here,
) -> None:
    await here.store(MAX_GAP + 3)

    here.sync.catch_up_all(tell_others=False)
    await here.until(lambda: len(here.published()) == MAX_GAP)

    assert MissedMessages(GENERAL, after_seq=0) == here.broadcaster.published[0].payload
    assert list(range(4, MAX_GAP + 4)) == here.published()


async def test_new_messages_are_published_when_the_channel_was_created_again_in_an_outage(
    here: Here, store: MemoryStore, channels: SlowChannels
) -> None:
    """The new channel has the same id, and its sequence starts at 1."""
    for message in await here.store(3):
        here.receive_message(message)
    await here.until(lambda: len(here.sent) == 3)
    await channels.delete(GENERAL)
    for user_id in (ALICE, BOB, CAROL):
        store.join(GENERAL, user_id)
    new = await here.store(2)

    here.sync.catch_up_all(tell_others=False)
    await here.until(lambda: len(here.published()) == 2)
    here.receive_message(new[1])
    here.receive_message((await here.store())[0])
    await here.until(lambda: len(here.sent) == 4)

    assert [1, 2] == here.published()
    assert [1, 2, 3, 3] == here.sent


async def test_storage_is_read_once_when_the_missed_messages_were_deleted(here: Here) -> None:
    for message in await here.store(2):
        await here.messages.delete(message.id, CAROL)

    here.sync.catch_up_all(tell_others=False)
    await here.until(lambda: not here.publisher.is_behind(GENERAL, 2))

    assert [] == here.published()


async def test_storage_is_read_once_more_when_many_messages_are_announced_during_a_search(
    here: Here, channels: SlowChannels, clock: ManualClock
) -> None:
    """Another node adopts the messages of the original backend one by one."""
    clock.advance(CURRENT_SECONDS)
    channels.hold()
    searches = here.messages.searches

    for _ in range(20):
        await here.store()
        here.sync.catch_up(GENERAL)
    channels.may_answer.set()
    await here.until(lambda: len(here.published()) == 20)
    for _ in range(100):
        await asyncio.sleep(0)

    assert searches + 2 == here.messages.searches


async def test_few_channels_catch_up_at_the_same_time_when_many_have_missed_messages(
    here: Here, store: MemoryStore, rooms: MemorySocketRooms, channels: SlowChannels
) -> None:
    """The limit leaves storage connections for the requests of clients."""
    channel_ids = [ChannelId(f"team_{number}") for number in range(3 * CATCH_UPS_AT_ONCE)]
    for channel_id in channel_ids:
        store.join(channel_id, BOB)
        rooms.connect(BOBS_PHONE, BOB, channel_room(channel_id))
    await here.sync.start(channel_ids)
    for channel_id in channel_ids:
        await here.store(1, channel_id)
    channels.hold()
    queries = channels.queries

    here.sync.catch_up_all(tell_others=False)
    await channels.asked.wait()
    for _ in range(100):
        await asyncio.sleep(0)
    asked = channels.queries - queries
    channels.may_answer.set()
    await here.until(lambda: len(here.published()) == len(channel_ids))

    assert 0 < asked <= CATCH_UPS_AT_ONCE


@pytest.mark.parametrize(
    ("payload", "is_current"),
    [
        ({"messageId": "m1", "recipientId": BOB, "status": "DELIVERED"}, False),
        ({"messageId": "m1", "recipientId": BOB, "status": "READ"}, True),
        ({"messageId": "m1", "recipientId": CAROL, "status": "DELIVERED"}, True),
        ({"messageId": "m1", "recipientId": BOB, "status": "SENT"}, True),
        ({"messageId": "m1", "status": "DELIVERED"}, True),
    ],
)
async def test_only_a_delivery_after_the_reading_is_out_of_date(
    here: Here, payload: dict[str, Any], *, is_current: bool
) -> None:
    """Receipts of a NestJS node may lack a field or have another status. They are passed on."""
    read = {"messageId": "m1", "recipientId": BOB, "status": "READ"}

    assert here.sync.is_receipt_current(read)
    assert is_current == here.sync.is_receipt_current(payload)
