"""Tests who may type, and which sockets are notified of typing (app/services/typing_service.py)."""

import asyncio
from collections.abc import Awaitable, Callable

import pytest

from app.adapters.memory.local_membership_bus import LocalMembershipBus
from app.adapters.memory.store import MemoryStore
from app.domain.errors import NotAMember, Unavailable
from app.domain.events import ServerEvent
from app.domain.typing_indicator import TypingIndicator
from app.services.channel_service import ChannelService
from app.services.channels.member_cache import REFRESH_SECONDS
from app.services.event_service import EventService
from app.services.room_sync import RoomSync
from app.services.typing_service import TypingService
from tests.doubles.manual_clock import ManualClock
from tests.doubles.memory_socket_rooms import MemorySocketRooms
from tests.doubles.recording_broadcaster import Publication, RecordingBroadcaster
from tests.doubles.recording_nodes import RecordingNodes
from tests.unit.services.conftest import TYPING_EXPIRY_SECONDS
from tests.unit.services.people import ALICE, ALICES_PHONE, BOB, BOBS_PHONE, DAVE, GENERAL
from tests.unit.services.slow_channels import SlowChannels


@pytest.fixture
def channels(store: MemoryStore) -> SlowChannels:
    """Storage whose answers the test can delay."""
    return SlowChannels(store)


@pytest.mark.parametrize(
    "act",
    [
        lambda typing: typing.start(DAVE, GENERAL, ALICES_PHONE),
        lambda typing: typing.stop(DAVE, GENERAL, ALICES_PHONE),
        lambda typing: typing.list(DAVE, GENERAL),
    ],
    ids=["start", "stop", "list"],
)
async def test_stranger_is_refused_when_he_is_no_member(
    typing_service: TypingService,
    broadcaster: RecordingBroadcaster,
    act: Callable[[TypingService], Awaitable[object]],
) -> None:
    """A user who is no member cannot type, and cannot see who is typing."""
    with pytest.raises(NotAMember):
        await act(typing_service)

    assert [] == broadcaster.published


async def test_former_member_is_refused_when_another_node_has_removed_the_socket_from_the_room(
    typing_service: TypingService,
    connected: RoomSync,
    events: EventService,
    rooms: MemorySocketRooms,
    store: MemoryStore,
) -> None:
    """``socketsLeave`` of a node in Node.js does not change `EventService`."""
    connected.announce_members(RecordingNodes().announce_members)
    events.subscribe(GENERAL, BOBS_PHONE, BOB)
    rooms.leave([BOB], "channel:general")
    store.leave(GENERAL, BOB)
    await connected.refresh(GENERAL)

    with pytest.raises(NotAMember):
        await typing_service.start(BOB, GENERAL, BOBS_PHONE)


async def test_no_ghost_types_when_the_last_socket_leaves_during_start(
    typing_service: TypingService,
    channels: SlowChannels,
    events: EventService,
    broadcaster: RecordingBroadcaster,
) -> None:
    """If the start took effect after the disconnect, only the expiry would end the typing."""
    events.subscribe(GENERAL, ALICES_PHONE, ALICE)
    channels.hold()

    start = asyncio.create_task(typing_service.start(ALICE, GENERAL, ALICES_PHONE))
    await channels.asked.wait()
    events.unsubscribe(GENERAL, ALICES_PHONE, ALICE)
    typing_service.leave(ALICE, GENERAL, ALICES_PHONE)
    channels.may_answer.set()
    await start

    assert () == await typing_service.list(BOB, GENERAL)
    assert [] == broadcaster.published


async def test_member_types_when_seeded_after_connecting(
    typing_service: TypingService, broadcaster: RecordingBroadcaster
) -> None:
    """A member may type even if no socket of the member follows the channel."""
    await typing_service.start(ALICE, GENERAL, ALICES_PHONE)

    assert 1 == len(broadcaster.published)


@pytest.mark.parametrize("is_typing", [True, False], ids=["start", "stop"])
async def test_who_is_no_member_receives_nothing_when_others_have_removed_them(
    typing_service: TypingService, store: MemoryStore, rooms: MemorySocketRooms, *, is_typing: bool
) -> None:
    """Unless the members were just read, each publication reads them first."""
    rooms.connect(BOBS_PHONE, BOB, "channel:general")
    store.leave(GENERAL, BOB)

    change = typing_service.start if is_typing else typing_service.stop
    await change(ALICE, GENERAL, ALICES_PHONE)

    assert set() == rooms.sockets_in("channel:general")


async def test_storage_is_not_asked_when_the_typist_is_in_a_room_that_was_just_read(
    typing_service: TypingService,
    room_sync: RoomSync,
    channels: SlowChannels,
    rooms: MemorySocketRooms,
    clock: ManualClock,
) -> None:
    """As long as the members are fresh, events do not read them again."""
    rooms.connect(ALICES_PHONE, ALICE)
    await room_sync.refresh(GENERAL)

    await typing_service.start(ALICE, GENERAL, ALICES_PHONE)
    await typing_service.list(ALICE, GENERAL)
    await typing_service.stop(ALICE, GENERAL, ALICES_PHONE)
    questions_when_fresh = channels.queries
    clock.advance(REFRESH_SECONDS)
    await typing_service.start(ALICE, GENERAL, ALICES_PHONE)

    assert (1, 3) == (questions_when_fresh, channels.queries)


async def test_typist_is_answered_in_time_when_storage_is_slow(
    channels: SlowChannels,
    events: EventService,
    room_sync: RoomSync,
    broadcaster: RecordingBroadcaster,
    clock: ManualClock,
) -> None:
    """The user gets `Unavailable`. Nothing is published."""
    typing = TypingService(
        events,
        room_sync,
        broadcaster,
        clock,
        TYPING_EXPIRY_SECONDS,
        wait_seconds=0.01,
    )
    channels.hold()

    with pytest.raises(Unavailable):
        await typing.start(ALICE, GENERAL, ALICES_PHONE)

    assert [] == broadcaster.published


async def test_typing_ends_when_others_have_removed_the_typist(
    typing_service: TypingService,
    room_sync: RoomSync,
    store: MemoryStore,
    broadcaster: RecordingBroadcaster,
    rooms: MemorySocketRooms,
    clock: ManualClock,
) -> None:
    """The user's typing ends when the members are read again."""
    rooms.connect(ALICES_PHONE, ALICE, "channel:general")
    await typing_service.start(ALICE, GENERAL, ALICES_PHONE)
    broadcaster.published.clear()
    store.leave(GENERAL, ALICE)

    clock.advance(REFRESH_SECONDS)
    await room_sync.refresh(GENERAL)

    (ended,) = broadcaster.published
    expected = TypingIndicator(ALICE, GENERAL, is_typing=False, timestamp=clock.now())
    assert Publication("channel:general", ServerEvent.TYPING, expected) == ended


@pytest.mark.parametrize("ends", ["silence", "departure"])
async def test_who_is_no_member_does_not_receive_that_typing_ends_when_others_have_removed_them(
    typing_service: TypingService,
    store: MemoryStore,
    rooms: MemorySocketRooms,
    clock: ManualClock,
    ends: str,
) -> None:
    """Before the end of the typing is published, the members are read again."""
    rooms.connect(BOBS_PHONE, BOB, "channel:general")
    await typing_service.start(ALICE, GENERAL, ALICES_PHONE)
    store.leave(GENERAL, BOB)

    if ends == "silence":
        clock.advance(TYPING_EXPIRY_SECONDS)
    else:
        clock.advance(REFRESH_SECONDS)
        typing_service.leave(ALICE, GENERAL, ALICES_PHONE)

    assert set() == rooms.sockets_in("channel:general")
    assert () == await typing_service.list(ALICE, GENERAL)


async def test_typing_goes_on_when_it_expires_while_its_next_start_waits_for_storage(
    typing_service: TypingService,
    channels: SlowChannels,
    broadcaster: RecordingBroadcaster,
    clock: ManualClock,
) -> None:
    """The end of the first typing must not be published after the start of the second."""
    await typing_service.start(ALICE, GENERAL, ALICES_PHONE)
    clock.advance(REFRESH_SECONDS)
    channels.hold()
    starting = asyncio.create_task(typing_service.start(ALICE, GENERAL, ALICES_PHONE))
    await channels.asked.wait()
    channels.may_answer.set()
    channels.hold()
    await channels.asked.wait()

    clock.advance(TYPING_EXPIRY_SECONDS - REFRESH_SECONDS)
    channels.may_answer.set()
    indicator = await starting
    await asyncio.sleep(0)

    assert indicator == broadcaster.published[-1].payload
    assert (indicator,) == await typing_service.list(ALICE, GENERAL)


async def test_end_is_published_when_storage_does_not_answer(
    typing_service: TypingService,
    channels: SlowChannels,
    broadcaster: RecordingBroadcaster,
    clock: ManualClock,
) -> None:
    """The rooms are not changed, but the end of typing is published."""
    await typing_service.start(ALICE, GENERAL, ALICES_PHONE)
    channels.is_down = True

    clock.advance(TYPING_EXPIRY_SECONDS)

    ended = TypingIndicator(ALICE, GENERAL, is_typing=False, timestamp=clock.now())
    assert ended == broadcaster.published[-1].payload


async def test_nothing_is_published_when_the_module_is_destroyed_while_an_end_waits_for_storage(
    typing_service: TypingService,
    channels: SlowChannels,
    broadcaster: RecordingBroadcaster,
    clock: ManualClock,
) -> None:
    await typing_service.start(ALICE, GENERAL, ALICES_PHONE)
    broadcaster.published.clear()
    channels.hold()

    clock.advance(TYPING_EXPIRY_SECONDS)
    await typing_service.on_module_destroy()
    channels.may_answer.set()

    assert not typing_service._endings
    assert [] == broadcaster.published


async def test_end_is_published_before_the_departure_when_members_have_to_be_read(
    typing_service: TypingService,
    channels: SlowChannels,
    room_sync: RoomSync,
    membership: LocalMembershipBus,
    rooms: MemorySocketRooms,
    broadcaster: RecordingBroadcaster,
    clock: ManualClock,
) -> None:
    """Both publications wait for the same query, and keep their order."""
    service = ChannelService(channels, membership, room_sync, broadcaster, clock)
    rooms.connect(BOBS_PHONE, BOB, "channel:general")
    await typing_service.start(BOB, GENERAL, BOBS_PHONE)
    broadcaster.published.clear()
    clock.advance(REFRESH_SECONDS)
    channels.hold()

    removing = asyncio.create_task(service.remove_member(GENERAL, BOB))
    await channels.asked.wait()
    channels.may_answer.set()
    await removing

    assert [
        ServerEvent.TYPING,
        ServerEvent.ROOM_MEMBER_LEFT,
        ServerEvent.ROOM_MEMBER_LEFT,
    ] == [each.event for each in broadcaster.published]
