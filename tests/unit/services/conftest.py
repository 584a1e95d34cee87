from datetime import UTC, datetime

import pytest

from app.adapters.memory.adoption_repository import MemoryAdoptionRepository
from app.adapters.memory.channel_repository import MemoryChannelRepository
from app.adapters.memory.delivery_repository import MemoryDeliveryRepository
from app.adapters.memory.local_membership_bus import LocalMembershipBus
from app.adapters.memory.message_repository import MemoryMessageRepository
from app.adapters.memory.single_node import SingleNode
from app.adapters.memory.store import MemoryStore
from app.ports import AdoptionRepository, MessageRepository
from app.services.adoption_poller import AdoptionPoller
from app.services.channel_service import ChannelService
from app.services.event_service import EventService
from app.services.message_publisher import MessagePublisher
from app.services.message_service import MessageService
from app.services.room_sync import RoomSync
from app.services.typing_service import TypingService
from tests.doubles.manual_clock import ManualClock
from tests.doubles.memory_socket_rooms import MemorySocketRooms
from tests.doubles.recording_broadcaster import RecordingBroadcaster
from tests.unit.services.message_stores import MAX_CHARS, MakeService, MakeServices, MessageServices
from tests.unit.services.people import ALICE, ALICES_PHONE, BOB, BOBS_PHONE, CAROL, GENERAL, RANDOM
from tests.unit.services.session_setting import Setting, ready

TYPING_EXPIRY_SECONDS = 5.0


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock(datetime(2026, 1, 31, 9, 30, tzinfo=UTC))


@pytest.fixture
def broadcaster() -> RecordingBroadcaster:
    return RecordingBroadcaster()


@pytest.fixture
async def store() -> MemoryStore:
    """Alice, Bob and Carol are in `general`, Alice and Bob in `random`, Dave in no channel."""
    store = MemoryStore()
    await MemoryChannelRepository(store).seed(
        {ALICE: (GENERAL, RANDOM), BOB: (GENERAL, RANDOM), CAROL: (GENERAL,)}
    )
    return store


@pytest.fixture
def channels(store: MemoryStore) -> MemoryChannelRepository:
    return MemoryChannelRepository(store)


@pytest.fixture
def messages(store: MemoryStore) -> MemoryMessageRepository:
    return MemoryMessageRepository(store)


@pytest.fixture
def deliveries(store: MemoryStore) -> MemoryDeliveryRepository:
    return MemoryDeliveryRepository(store)


@pytest.fixture
def events(channels: MemoryChannelRepository) -> EventService:
    """The subscriptions of sockets; empty at first."""
    return EventService(channels)


@pytest.fixture
def rooms() -> MemorySocketRooms:
    """The rooms of sockets; empty at first."""
    return MemorySocketRooms()


@pytest.fixture
def membership() -> LocalMembershipBus:
    return LocalMembershipBus()


@pytest.fixture
def room_sync(
    channels: MemoryChannelRepository,
    events: EventService,
    rooms: MemorySocketRooms,
    membership: LocalMembershipBus,
    clock: ManualClock,
) -> RoomSync:
    return RoomSync(channels, events, rooms, membership, clock)


@pytest.fixture
def connected(rooms: MemorySocketRooms, room_sync: RoomSync) -> RoomSync:
    """Add a phone of Alice and one of Bob to the room of `general`."""
    rooms.connect(ALICES_PHONE, ALICE, "channel:general")
    rooms.connect(BOBS_PHONE, BOB, "channel:general")
    return room_sync


@pytest.fixture
def channel_service(
    channels: MemoryChannelRepository,
    membership: LocalMembershipBus,
    room_sync: RoomSync,
    broadcaster: RecordingBroadcaster,
    clock: ManualClock,
) -> ChannelService:
    return ChannelService(channels, membership, room_sync, broadcaster, clock)


@pytest.fixture
def typing_service(
    events: EventService,
    room_sync: RoomSync,
    broadcaster: RecordingBroadcaster,
    clock: ManualClock,
) -> TypingService:
    return TypingService(events, room_sync, broadcaster, clock, TYPING_EXPIRY_SECONDS)


@pytest.fixture
def publisher(
    messages: MemoryMessageRepository,
    room_sync: RoomSync,
    typing_service: TypingService,
    broadcaster: RecordingBroadcaster,
    clock: ManualClock,
) -> MessagePublisher:
    """A publisher that has not prepared any channel."""
    return MessagePublisher(messages, room_sync, typing_service, broadcaster, SingleNode(), clock)


@pytest.fixture
async def setting(clock: ManualClock) -> Setting:
    """A session service with the usual policy and without revocations."""
    return await ready(clock)


@pytest.fixture
def make_services(
    typing_service: TypingService,
    events: EventService,
    room_sync: RoomSync,
    broadcaster: RecordingBroadcaster,
    clock: ManualClock,
    store: MemoryStore,
) -> MakeServices:
    """Create the services with storage that runs two transactions at a time."""
    store.writers = 2

    def make(messages: MessageRepository, adoption: AdoptionRepository) -> MessageServices:
        publisher = MessagePublisher(
            messages, room_sync, typing_service, broadcaster, SingleNode(), clock
        )
        service = MessageService(
            messages, publisher, events, room_sync, broadcaster, clock, store, MAX_CHARS
        )
        return MessageServices(service, AdoptionPoller(adoption, publisher, service, clock))

    return make


@pytest.fixture
def make_service(make_services: MakeServices) -> MakeService:
    def make(messages: MessageRepository) -> MessageService:
        return make_services(messages, MemoryAdoptionRepository()).messages

    return make


@pytest.fixture
def message_service(make_service: MakeService, messages: MemoryMessageRepository) -> MessageService:
    return make_service(messages)
