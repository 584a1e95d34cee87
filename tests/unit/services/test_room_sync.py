import asyncio

import pytest

from app.adapters.memory.local_membership_bus import LocalMembershipBus
from app.adapters.memory.store import MemoryStore
from app.domain.channel import MembershipEvent, MembershipUpdate
from app.domain.errors import Unavailable
from app.domain.ids import ChannelId, SocketId, UserId
from app.services.event_service import EventService
from app.services.room_sync import RoomSync
from tests.doubles.memory_socket_rooms import MemorySocketRooms
from tests.unit.services.people import (
    ALICE,
    ALICES_LAPTOP,
    ALICES_PHONE,
    BOB,
    BOBS_PHONE,
    CAROL,
    DAVE,
    GENERAL,
    RANDOM,
)
from tests.unit.services.slow_channels import SlowChannels

ROOM = "channel:general"
DAVES_PHONE = SocketId("daves-phone")


@pytest.fixture
def channels(store: MemoryStore) -> SlowChannels:
    """Storage whose answers a test can delay."""
    return SlowChannels(store)


@pytest.fixture
def left(room_sync: RoomSync) -> list[tuple[UserId, ChannelId]]:
    """The users who left, as passed to the listener."""
    left: list[tuple[UserId, ChannelId]] = []
    room_sync.when_left(lambda user_id, channel_id: left.append((user_id, channel_id)))
    return left


@pytest.fixture
def everybody(rooms: MemorySocketRooms, events: EventService) -> None:
    """Put Alice's phone, Alice's laptop and Bob's phone into the room of `general`."""
    for socket_id, user_id in (
        (ALICES_PHONE, ALICE),
        (ALICES_LAPTOP, ALICE),
        (BOBS_PHONE, BOB),
    ):
        rooms.connect(socket_id, user_id, ROOM)
        events.subscribe(GENERAL, socket_id, user_id)


def update_of(event: MembershipEvent, *user_ids: UserId) -> MembershipUpdate:
    return MembershipUpdate(event, GENERAL, frozenset(user_ids))


@pytest.mark.usefixtures("everybody")
async def test_sockets_leave_when_others_have_removed_their_user(
    room_sync: RoomSync,
    store: MemoryStore,
    rooms: MemorySocketRooms,
    events: EventService,
    left: list[tuple[UserId, ChannelId]],
) -> None:
    """All of the user's sockets leave, and the listener is called."""
    store.leave(GENERAL, ALICE)

    await room_sync.refresh(GENERAL)

    assert {BOBS_PHONE} == rooms.sockets_in(ROOM)
    assert (False, True) == (
        events.is_listening(GENERAL, ALICE),
        events.is_listening(GENERAL, BOB),
    )
    assert [(ALICE, GENERAL)] == left


async def test_sockets_join_when_others_have_added_their_user(
    room_sync: RoomSync, rooms: MemorySocketRooms, events: EventService
) -> None:
    """Only the sockets of members join."""
    rooms.connect(ALICES_PHONE, ALICE)
    rooms.connect(ALICES_LAPTOP, ALICE, ROOM)
    rooms.connect(BOBS_PHONE, DAVE)

    await room_sync.refresh(GENERAL)

    assert {ALICES_PHONE, ALICES_LAPTOP} == rooms.sockets_in(ROOM)
    assert (GENERAL,) == events.channels_of_socket(ALICES_PHONE, ALICE)
    assert not events.is_listening(GENERAL, DAVE)


@pytest.mark.usefixtures("everybody")
async def test_sockets_move_in_every_room_when_several_channels_are_refreshed(
    room_sync: RoomSync, channels: SlowChannels, store: MemoryStore, rooms: MemorySocketRooms
) -> None:
    """One query loads all of the channels, which are all fresh afterwards."""
    store.leave(GENERAL, ALICE)

    await room_sync.refresh_all([GENERAL, RANDOM])
    await room_sync.refresh(GENERAL)

    assert {BOBS_PHONE} == rooms.sockets_in(ROOM)
    assert {ALICES_PHONE, ALICES_LAPTOP, BOBS_PHONE} == rooms.sockets_in("channel:random")
    assert frozenset({BOB}) == room_sync.users_in_room(GENERAL)
    assert (1, True) == (channels.queries, room_sync.is_fresh(RANDOM))


@pytest.mark.usefixtures("everybody")
async def test_rooms_stay_as_they_are_when_storage_does_not_answer(
    room_sync: RoomSync, channels: SlowChannels, store: MemoryStore, rooms: MemorySocketRooms
) -> None:
    """`refresh` ignores the failure and `refresh_all` raises it. The next call queries again."""
    store.leave(GENERAL, BOB)
    channels.is_down = True

    await room_sync.refresh(GENERAL)
    with pytest.raises(Unavailable):
        await room_sync.refresh_all([GENERAL])
    while_down = rooms.sockets_in(ROOM)
    channels.is_down = False
    await room_sync.refresh(GENERAL)

    assert {ALICES_PHONE, ALICES_LAPTOP, BOBS_PHONE} == while_down
    assert {ALICES_PHONE, ALICES_LAPTOP} == rooms.sockets_in(ROOM)


@pytest.mark.usefixtures("everybody")
async def test_removal_stands_when_older_members_are_read_after_it(
    room_sync: RoomSync,
    channels: SlowChannels,
    membership: LocalMembershipBus,
    rooms: MemorySocketRooms,
) -> None:
    """Bob was a member when the query began, but had left before its answer arrived."""
    channels.hold()
    rooms.leave([ALICE], ROOM)

    refreshing = asyncio.create_task(room_sync.refresh(GENERAL))
    await channels.asked.wait()
    await membership.publish(update_of(MembershipEvent.LEFT, BOB))
    channels.may_answer.set()
    await refreshing

    assert {ALICES_PHONE, ALICES_LAPTOP} == rooms.sockets_in(ROOM)


@pytest.mark.usefixtures("everybody")
async def test_newcomer_stays_when_older_members_are_read_after_it(
    room_sync: RoomSync,
    channels: SlowChannels,
    membership: LocalMembershipBus,
    rooms: MemorySocketRooms,
) -> None:
    """Dave was no member when the query began, but had joined before its answer arrived."""
    channels.hold()
    rooms.connect(DAVES_PHONE, DAVE)

    refreshing = asyncio.create_task(room_sync.refresh(GENERAL))
    await channels.asked.wait()
    await membership.publish(update_of(MembershipEvent.JOINED, DAVE))
    channels.may_answer.set()
    await refreshing

    assert DAVES_PHONE in rooms.sockets_in(ROOM)


@pytest.mark.usefixtures("everybody")
async def test_room_stays_empty_when_the_channel_ends_while_its_members_are_read(
    room_sync: RoomSync,
    channels: SlowChannels,
    membership: LocalMembershipBus,
    rooms: MemorySocketRooms,
) -> None:
    """Every user leaves, including those who were members when the query began."""
    channels.hold()
    rooms.connect(DAVES_PHONE, DAVE, ROOM)

    refreshing = asyncio.create_task(room_sync.refresh(GENERAL))
    await channels.asked.wait()
    await membership.publish(update_of(MembershipEvent.DELETED, ALICE, BOB, CAROL))
    channels.may_answer.set()
    await refreshing

    assert set() == rooms.sockets_in(ROOM)


@pytest.mark.usefixtures("everybody")
async def test_listeners_hear_of_the_end_when_a_channel_is_deleted(
    room_sync: RoomSync,
    events: EventService,
    left: list[tuple[UserId, ChannelId]],
) -> None:
    """One listener is called for each user who left, the others once for the channel."""
    ended: list[tuple[str, ChannelId]] = []
    room_sync.when_deleted(lambda channel_id: ended.append(("first", channel_id)))
    room_sync.when_deleted(lambda channel_id: ended.append(("second", channel_id)))

    room_sync.apply(update_of(MembershipEvent.DELETED, ALICE))

    assert [(ALICE, GENERAL), (BOB, GENERAL)] == sorted(left)
    assert [("first", GENERAL), ("second", GENERAL)] == ended
    assert not events.is_listening(GENERAL, BOB)


@pytest.mark.usefixtures("everybody")
async def test_update_changes_nothing_when_it_is_repeated(
    room_sync: RoomSync, rooms: MemorySocketRooms, events: EventService
) -> None:
    """A node may receive the updates that it has published itself."""
    for _ in range(2):
        room_sync.apply(update_of(MembershipEvent.LEFT, ALICE))
    without_alice = rooms.sockets_in(ROOM)
    for _ in range(2):
        room_sync.apply(update_of(MembershipEvent.JOINED, ALICE))

    assert {BOBS_PHONE} == without_alice
    assert {ALICES_PHONE, ALICES_LAPTOP, BOBS_PHONE} == rooms.sockets_in(ROOM)
    assert (GENERAL,) == events.channels_of_socket(ALICES_PHONE, ALICE)


async def test_load_ends_when_the_application_does(
    room_sync: RoomSync, channels: SlowChannels
) -> None:
    channels.hold()
    refreshing = asyncio.create_task(room_sync.refresh(GENERAL))
    await channels.asked.wait()

    await room_sync.on_application_shutdown(None)

    with pytest.raises(asyncio.CancelledError):
        await refreshing
