"""Tests adding and removing members (app/services/channel_service.py)."""

import pytest

from app.adapters.memory.channel_repository import MemoryChannelRepository
from app.adapters.memory.local_membership_bus import LocalMembershipBus
from app.adapters.memory.store import MemoryStore
from app.domain.channel import MemberRole, MembershipChange
from app.domain.events import ServerEvent
from app.domain.ids import UserId
from app.domain.rooms import user_room
from app.services.channel_service import ChannelService
from app.services.event_service import EventService
from app.services.room_sync import RoomSync
from app.services.typing_service import TypingService
from tests.doubles.manual_clock import ManualClock
from tests.doubles.memory_socket_rooms import MemorySocketRooms
from tests.doubles.recording_broadcaster import Publication, RecordingBroadcaster
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

pytestmark = pytest.mark.usefixtures("connected")

ROOM = "channel:general"


class RoomRecorder(RecordingBroadcaster):
    """Records at each publication which users are in the room."""

    def __init__(self, rooms: MemorySocketRooms) -> None:
        super().__init__()
        self._rooms = rooms
        self.recorded: list[tuple[str, frozenset[UserId]]] = []

    def publish(self, room: str, event: ServerEvent, payload: object, **_: object) -> None:
        del payload
        self.recorded.append((event, self._rooms.users_in(room)))


def change(clock: ManualClock, user_id: UserId) -> MembershipChange:
    """Return a change in the channel `general` at the current time."""
    return MembershipChange(GENERAL, user_id, clock.now())


async def test_channel_hears_of_a_newcomer_when_their_sockets_have_joined(
    channel_service: ChannelService,
    store: MemoryStore,
    rooms: MemorySocketRooms,
    broadcaster: RecordingBroadcaster,
    clock: ManualClock,
) -> None:
    """The channel is notified once, even if the user is added twice."""
    store.leave(GENERAL, BOB)
    rooms.leave([BOB], ROOM)

    added = [await channel_service.add_member(GENERAL, BOB) for _ in range(2)]

    assert [True, False] == added
    assert {ALICES_PHONE, BOBS_PHONE} == rooms.sockets_in(ROOM)
    notified = Publication(
        ROOM, ServerEvent.ROOM_MEMBER_JOINED, change(clock, BOB), also_to=user_room(BOB)
    )
    assert [notified] == broadcaster.published


async def test_nobody_hears_of_it_when_a_member_gets_another_role(
    channel_service: ChannelService, broadcaster: RecordingBroadcaster
) -> None:
    """The channel is not notified of the new role, as all roles have the same permissions."""
    roles = (MemberRole.ADMIN, MemberRole.ADMIN, None)

    changed = [await channel_service.add_member(GENERAL, BOB, role) for role in roles]

    assert [True, False, False] == changed
    assert [] == broadcaster.published


async def test_channel_hears_of_a_removal_when_the_sockets_have_left(
    channel_service: ChannelService,
    typing_service: TypingService,
    rooms: MemorySocketRooms,
    broadcaster: RecordingBroadcaster,
    clock: ManualClock,
) -> None:
    """The user's typing ends first. The user is notified once, in the user's own room."""
    await typing_service.start(BOB, GENERAL, BOBS_PHONE)
    broadcaster.published.clear()

    removed = [await channel_service.remove_member(GENERAL, BOB) for _ in range(2)]

    assert [True, False] == removed
    assert {ALICES_PHONE} == rooms.sockets_in(ROOM)
    assert [
        (ROOM, ServerEvent.TYPING),
        (ROOM, ServerEvent.ROOM_MEMBER_LEFT),
        ("user:user_bob", ServerEvent.ROOM_MEMBER_LEFT),
    ] == [(each.room, each.event) for each in broadcaster.published]
    assert change(clock, BOB) == broadcaster.published[-1].payload
    assert () == await typing_service.list(ALICE, GENERAL)


async def test_nobody_who_was_removed_is_told_anything_in_the_room(
    channels: MemoryChannelRepository,
    room_sync: RoomSync,
    rooms: MemorySocketRooms,
    membership: LocalMembershipBus,
    events: EventService,
    clock: ManualClock,
) -> None:
    """Removed users receive no events of the room, not even the end of their own typing."""
    broadcaster = RoomRecorder(rooms)
    typing = TypingService(events, room_sync, broadcaster, clock, 5.0)
    service = ChannelService(channels, membership, room_sync, broadcaster, clock)
    await typing.start(BOB, GENERAL, BOBS_PHONE)
    broadcaster.recorded.clear()

    await service.remove_member(GENERAL, BOB)

    assert [
        ("typing", frozenset({ALICE})),
        ("room:member:left", frozenset({ALICE})),
        ("room:member:left", frozenset({BOB})),
    ] == broadcaster.recorded


async def test_sockets_move_when_a_change_stands_that_was_never_applied(
    channel_service: ChannelService,
    store: MemoryStore,
    rooms: MemorySocketRooms,
    broadcaster: RecordingBroadcaster,
) -> None:
    """If a commit was not confirmed, a repeated call moves the sockets."""
    store.leave(GENERAL, BOB)

    removed = await channel_service.remove_member(GENERAL, BOB)

    assert (False, {ALICES_PHONE}) == (removed, rooms.sockets_in(ROOM))
    assert [] == broadcaster.published


@pytest.mark.parametrize("is_added", [True, False], ids=["added", "removed"])
async def test_who_was_removed_by_others_hears_of_no_change_of_members(
    channels: MemoryChannelRepository,
    membership: LocalMembershipBus,
    room_sync: RoomSync,
    store: MemoryStore,
    rooms: MemorySocketRooms,
    clock: ManualClock,
    *,
    is_added: bool,
) -> None:
    """Before a change is published to the room, the members are loaded again."""
    broadcaster = RoomRecorder(rooms)
    service = ChannelService(channels, membership, room_sync, broadcaster, clock)
    await channels.seed({DAVE: (RANDOM,)})
    store.leave(GENERAL, BOB)

    if is_added:
        await service.add_member(GENERAL, DAVE)
    else:
        await service.remove_member(GENERAL, CAROL)

    assert frozenset({ALICE}) == broadcaster.recorded[0][1]
