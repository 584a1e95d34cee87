import asyncio
from collections.abc import Awaitable, Callable

import pytest

from app.adapters.memory.local_membership_channel import LocalMembershipChannel
from app.adapters.memory.manual_clock import ManualClock
from app.adapters.memory.memory_socket_rooms import MemorySocketRooms
from app.adapters.memory.memory_store import MemoryStore
from app.adapters.memory.recording_broadcaster import Publication, RecordingBroadcaster
from app.domain.errors import NotAMember
from app.domain.events import ServerEvent
from app.domain.ids import SocketId
from app.domain.typing_indicator import TypingIndicator
from app.framework.eager import EagerTasks
from app.services.channel_audience import ChannelAudience
from app.services.event_service import EventService
from app.services.member_readings import REFRESH_SECONDS
from app.services.typing_service import TypingService
from tests.unit.services.conftest import TYPING_EXPIRY_SECONDS
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


def alice_now(clock: ManualClock, *, is_typing: bool) -> TypingIndicator:
    """Alice's indicator as of now."""
    return TypingIndicator(
        user_id=ALICE, channel_id=GENERAL, is_typing=is_typing, timestamp=clock.now()
    )


def told(
    clock: ManualClock, *, is_typing: bool, except_socket: SocketId | None = None
) -> Publication:
    """What the channel hears of Alice now."""
    indicator = alice_now(clock, is_typing=is_typing)
    return Publication("channel:general", ServerEvent.TYPING, indicator, except_socket)


async def test_start_tells_the_channel_but_its_socket_when_a_member_types(
    typing_service: TypingService, broadcaster: RecordingBroadcaster, clock: ManualClock
) -> None:
    """The typist's own other sockets hear of it, too."""
    indicator = await typing_service.start(ALICE, GENERAL, ALICES_PHONE)

    assert alice_now(clock, is_typing=True) == indicator
    assert [told(clock, is_typing=True, except_socket=ALICES_PHONE)] == broadcaster.published


async def test_typing_expires_once_when_nothing_follows(
    typing_service: TypingService, broadcaster: RecordingBroadcaster, clock: ManualClock
) -> None:
    """The end by expiry goes to the whole channel, the typist's socket included."""
    await typing_service.start(ALICE, GENERAL, ALICES_PHONE)
    broadcaster.published.clear()

    clock.advance(TYPING_EXPIRY_SECONDS)
    expected = [told(clock, is_typing=False)]
    clock.advance(TYPING_EXPIRY_SECONDS)

    assert expected == broadcaster.published
    assert () == await typing_service.list(BOB, GENERAL)


async def test_typing_goes_on_when_started_again_before_it_expires(
    typing_service: TypingService, broadcaster: RecordingBroadcaster, clock: ManualClock
) -> None:
    """Each start counts anew, and is told anew."""
    await typing_service.start(ALICE, GENERAL, ALICES_PHONE)
    clock.advance(TYPING_EXPIRY_SECONDS - 1)
    indicator = await typing_service.start(ALICE, GENERAL, ALICES_PHONE)

    clock.advance(TYPING_EXPIRY_SECONDS - 1)

    assert (indicator,) == await typing_service.list(BOB, GENERAL)
    assert 2 == len(broadcaster.published)


async def test_stop_tells_the_channel_once_when_called_twice(
    typing_service: TypingService, broadcaster: RecordingBroadcaster, clock: ManualClock
) -> None:
    """A stop that changes nothing is answered, and told to nobody."""
    await typing_service.start(ALICE, GENERAL, ALICES_PHONE)
    broadcaster.published.clear()

    first = await typing_service.stop(ALICE, GENERAL, ALICES_LAPTOP)
    second = await typing_service.stop(ALICE, GENERAL, ALICES_LAPTOP)

    assert alice_now(clock, is_typing=False) == first == second
    assert [told(clock, is_typing=False, except_socket=ALICES_LAPTOP)] == broadcaster.published


async def test_nothing_expires_when_typing_was_stopped(
    typing_service: TypingService, broadcaster: RecordingBroadcaster, clock: ManualClock
) -> None:
    """The expiry goes with the entry."""
    await typing_service.start(ALICE, GENERAL, ALICES_PHONE)
    await typing_service.stop(ALICE, GENERAL, ALICES_PHONE)
    broadcaster.published.clear()

    clock.advance(TYPING_EXPIRY_SECONDS)

    assert [] == broadcaster.published


async def test_list_names_who_is_typing_when_a_member_asks(typing_service: TypingService) -> None:
    """Sorted by user, of this channel only."""
    bob = await typing_service.start(BOB, GENERAL, BOBS_PHONE)
    alice = await typing_service.start(ALICE, GENERAL, ALICES_PHONE)
    await typing_service.start(ALICE, RANDOM, ALICES_PHONE)

    assert (alice, bob) == await typing_service.list(CAROL, GENERAL)


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
    """Who does not belong neither types nor learns who does."""
    with pytest.raises(NotAMember):
        await act(typing_service)

    assert [] == broadcaster.published


async def test_end_tells_the_whole_channel_once_when_called_twice(
    typing_service: TypingService, broadcaster: RecordingBroadcaster, clock: ManualClock
) -> None:
    """A send ends typing; the next send has nothing to end."""
    await typing_service.start(ALICE, GENERAL, ALICES_PHONE)
    broadcaster.published.clear()

    typing_service.end(ALICE, GENERAL)
    typing_service.end(ALICE, GENERAL)

    assert [told(clock, is_typing=False)] == broadcaster.published


async def test_leave_ends_typing_only_when_the_last_socket_has_left(
    typing_service: TypingService,
    events: EventService,
    broadcaster: RecordingBroadcaster,
    clock: ManualClock,
) -> None:
    """The phone may go while the laptop types."""
    events.subscribe(GENERAL, ALICES_PHONE, ALICE)
    events.subscribe(GENERAL, ALICES_LAPTOP, ALICE)
    await typing_service.start(ALICE, GENERAL, ALICES_LAPTOP)
    broadcaster.published.clear()

    events.unsubscribe(GENERAL, ALICES_PHONE, ALICE)
    typing_service.leave(ALICE, GENERAL)
    after_the_phone = list(broadcaster.published)
    events.unsubscribe(GENERAL, ALICES_LAPTOP, ALICE)
    typing_service.leave(ALICE, GENERAL)

    assert [] == after_the_phone
    assert [told(clock, is_typing=False)] == broadcaster.published


async def test_no_ghost_types_when_the_last_socket_leaves_during_start(
    store: MemoryStore,
    rooms: MemorySocketRooms,
    membership: LocalMembershipChannel,
    broadcaster: RecordingBroadcaster,
    clock: ManualClock,
    starter: EagerTasks,
) -> None:
    """The disconnect has cleaned up already; nothing may come after it."""
    channels = SlowChannels(store)
    events = EventService(channels)
    audience = ChannelAudience(channels, events, rooms, membership, clock, starter)
    typing = TypingService(channels, events, audience, broadcaster, clock, TYPING_EXPIRY_SECONDS)
    events.subscribe(GENERAL, ALICES_PHONE, ALICE)
    channels.hold()

    start = asyncio.create_task(typing.start(ALICE, GENERAL, ALICES_PHONE))
    await channels.asked.wait()
    events.unsubscribe(GENERAL, ALICES_PHONE, ALICE)
    typing.leave(ALICE, GENERAL)
    channels.may_answer.set()
    await start

    assert () == await typing.list(BOB, GENERAL)
    assert [] == broadcaster.published


async def test_member_types_when_seeded_after_connecting(
    typing_service: TypingService, broadcaster: RecordingBroadcaster
) -> None:
    """Who listens nowhere yet may type all the same: membership decides."""
    await typing_service.start(ALICE, GENERAL, ALICES_PHONE)

    assert 1 == len(broadcaster.published)


@pytest.mark.parametrize("is_typing", [True, False], ids=["start", "stop"])
async def test_who_is_no_member_hears_nothing_when_others_have_removed_them(
    typing_service: TypingService, store: MemoryStore, rooms: MemorySocketRooms, *, is_typing: bool
) -> None:
    """Before a channel is told of typing, its members are looked at."""
    rooms.connect(BOBS_PHONE, BOB, "channel:general")
    store.leave(GENERAL, BOB)

    change = typing_service.start if is_typing else typing_service.stop
    await change(ALICE, GENERAL, ALICES_PHONE)

    assert set() == rooms.sockets_in("channel:general")


async def test_typing_ends_when_others_have_removed_the_typist(
    typing_service: TypingService,
    audience: ChannelAudience,
    store: MemoryStore,
    broadcaster: RecordingBroadcaster,
    rooms: MemorySocketRooms,
    clock: ManualClock,
) -> None:
    """As soon as that is noticed."""
    rooms.connect(ALICES_PHONE, ALICE, "channel:general")
    await typing_service.start(ALICE, GENERAL, ALICES_PHONE)
    broadcaster.published.clear()
    store.leave(GENERAL, ALICE)

    clock.advance(REFRESH_SECONDS)
    await audience.refresh(GENERAL)

    assert [told(clock, is_typing=False)] == broadcaster.published


async def test_nothing_expires_when_the_module_is_destroyed(
    typing_service: TypingService, broadcaster: RecordingBroadcaster, clock: ManualClock
) -> None:
    """No timer outlives the service."""
    await typing_service.start(ALICE, GENERAL, ALICES_PHONE)
    broadcaster.published.clear()

    await typing_service.on_module_destroy()
    clock.advance(TYPING_EXPIRY_SECONDS)

    assert [] == broadcaster.published


async def test_nothing_is_kept_when_everybody_has_stopped(
    typing_service: TypingService, clock: ManualClock
) -> None:
    """Memory stays flat under churn."""
    await typing_service.start(ALICE, GENERAL, ALICES_PHONE)
    await typing_service.start(BOB, GENERAL, BOBS_PHONE)
    await typing_service.start(ALICE, RANDOM, ALICES_PHONE)

    clock.advance(TYPING_EXPIRY_SECONDS)

    assert {} == typing_service._typists
