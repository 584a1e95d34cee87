import pytest

from app.adapters.memory.channel_repository import MemoryChannelRepository
from app.domain.events import ServerEvent
from app.domain.ids import SocketId, UserId
from app.domain.typing_indicator import TypingIndicator
from app.services.event_service import EventService
from app.services.typing_service import MAX_LISTED, TypingService
from tests.doubles.manual_clock import ManualClock
from tests.doubles.recording_broadcaster import Publication, RecordingBroadcaster
from tests.unit.services.conftest import TYPING_EXPIRY_SECONDS
from tests.unit.services.people import (
    ALICE,
    ALICES_LAPTOP,
    ALICES_PHONE,
    BOB,
    BOBS_PHONE,
    CAROL,
    GENERAL,
    RANDOM,
)


def alice_now(clock: ManualClock, *, is_typing: bool) -> TypingIndicator:
    return TypingIndicator(
        user_id=ALICE, channel_id=GENERAL, is_typing=is_typing, timestamp=clock.now()
    )


def published(
    clock: ManualClock, *, is_typing: bool, except_socket: SocketId | None = None
) -> Publication:
    indicator = alice_now(clock, is_typing=is_typing)
    return Publication("channel:general", ServerEvent.TYPING, indicator, except_socket)


async def test_start_publishes_to_the_channel_but_its_socket_when_a_member_types(
    typing_service: TypingService, broadcaster: RecordingBroadcaster, clock: ManualClock
) -> None:
    """The typing user's other sockets receive the event too."""
    indicator = await typing_service.start(ALICE, GENERAL, ALICES_PHONE)

    assert alice_now(clock, is_typing=True) == indicator
    assert [published(clock, is_typing=True, except_socket=ALICES_PHONE)] == broadcaster.published


async def test_typing_expires_once_when_nothing_follows(
    typing_service: TypingService, broadcaster: RecordingBroadcaster, clock: ManualClock
) -> None:
    """The whole channel is notified of the end, including the socket that was typing."""
    await typing_service.start(ALICE, GENERAL, ALICES_PHONE)
    broadcaster.published.clear()

    clock.advance(TYPING_EXPIRY_SECONDS)
    expected = [published(clock, is_typing=False)]
    clock.advance(TYPING_EXPIRY_SECONDS)

    assert expected == broadcaster.published
    assert () == await typing_service.list(BOB, GENERAL)


async def test_typing_goes_on_when_started_again_before_it_expires(
    typing_service: TypingService, broadcaster: RecordingBroadcaster, clock: ManualClock
) -> None:
    """Each start restarts the expiry and is published."""
    await typing_service.start(ALICE, GENERAL, ALICES_PHONE)
    clock.advance(TYPING_EXPIRY_SECONDS - 1)
    indicator = await typing_service.start(ALICE, GENERAL, ALICES_PHONE)

    clock.advance(TYPING_EXPIRY_SECONDS - 1)

    assert (indicator,) == await typing_service.list(BOB, GENERAL)
    assert 2 == len(broadcaster.published)


async def test_stop_publishes_to_the_channel_once_when_called_twice(
    typing_service: TypingService, broadcaster: RecordingBroadcaster, clock: ManualClock
) -> None:
    """The second stop succeeds without being published."""
    await typing_service.start(ALICE, GENERAL, ALICES_PHONE)
    broadcaster.published.clear()

    first = await typing_service.stop(ALICE, GENERAL, ALICES_PHONE)
    second = await typing_service.stop(ALICE, GENERAL, ALICES_PHONE)

    assert alice_now(clock, is_typing=False) == first == second
    assert [published(clock, is_typing=False, except_socket=ALICES_PHONE)] == broadcaster.published


@pytest.mark.parametrize("laptop_typed", [True, False])
async def test_stop_publishes_nothing_when_another_socket_goes_on_typing(
    typing_service: TypingService,
    broadcaster: RecordingBroadcaster,
    clock: ManualClock,
    *,
    laptop_typed: bool,
) -> None:
    """Typing ends when the last typing socket of the user stops."""
    phones = await typing_service.start(ALICE, GENERAL, ALICES_PHONE)
    if laptop_typed:
        phones = await typing_service.start(ALICE, GENERAL, ALICES_LAPTOP)
    broadcaster.published.clear()

    stopped = await typing_service.stop(ALICE, GENERAL, ALICES_LAPTOP)
    still = await typing_service.list(BOB, GENERAL)
    told_by_then = list(broadcaster.published)
    await typing_service.stop(ALICE, GENERAL, ALICES_PHONE)

    assert alice_now(clock, is_typing=False) == stopped
    assert ((phones,), []) == (still, told_by_then)
    assert [published(clock, is_typing=False, except_socket=ALICES_PHONE)] == broadcaster.published


async def test_typing_ends_with_the_expiry_of_the_socket_that_is_left_when_the_later_one_stops(
    typing_service: TypingService, broadcaster: RecordingBroadcaster, clock: ManualClock
) -> None:
    """Each socket of a user has its own expiry."""
    await typing_service.start(ALICE, GENERAL, ALICES_PHONE)
    clock.advance(TYPING_EXPIRY_SECONDS - 1)
    await typing_service.start(ALICE, GENERAL, ALICES_LAPTOP)
    await typing_service.stop(ALICE, GENERAL, ALICES_LAPTOP)
    broadcaster.published.clear()

    clock.advance(1)

    assert [published(clock, is_typing=False)] == broadcaster.published


async def test_stop_ends_typing_when_it_has_expired_on_the_other_socket(
    typing_service: TypingService, broadcaster: RecordingBroadcaster, clock: ManualClock
) -> None:
    await typing_service.start(ALICE, GENERAL, ALICES_PHONE)
    clock.advance(TYPING_EXPIRY_SECONDS - 1)
    await typing_service.start(ALICE, GENERAL, ALICES_LAPTOP)
    clock.advance(1)
    broadcaster.published.clear()

    await typing_service.stop(ALICE, GENERAL, ALICES_LAPTOP)

    assert [published(clock, is_typing=False, except_socket=ALICES_LAPTOP)] == broadcaster.published


async def test_stop_ends_typing_when_the_other_socket_has_left(
    typing_service: TypingService,
    events: EventService,
    broadcaster: RecordingBroadcaster,
    clock: ManualClock,
) -> None:
    """A socket that has left cannot stop typing, so the stop of another socket ends the typing."""
    for socket_id in (ALICES_PHONE, ALICES_LAPTOP):
        events.subscribe(GENERAL, socket_id, ALICE)
    await typing_service.start(ALICE, GENERAL, ALICES_PHONE)
    events.unsubscribe(GENERAL, ALICES_PHONE, ALICE)
    typing_service.leave(ALICE, GENERAL, ALICES_PHONE)
    broadcaster.published.clear()

    await typing_service.stop(ALICE, GENERAL, ALICES_LAPTOP)

    assert [published(clock, is_typing=False, except_socket=ALICES_LAPTOP)] == broadcaster.published


async def test_only_sockets_that_type_are_remembered_when_many_have_come_and_gone(
    typing_service: TypingService, clock: ManualClock
) -> None:
    """A start also removes the user's sockets whose typing has expired."""
    for number in range(100):
        await typing_service.start(ALICE, GENERAL, SocketId(f"socket-{number}"))
        clock.advance(TYPING_EXPIRY_SECONDS / 2)

    assert 2 == len(typing_service._typists[GENERAL][ALICE].until)


async def test_nothing_expires_when_typing_was_stopped(
    typing_service: TypingService, broadcaster: RecordingBroadcaster, clock: ManualClock
) -> None:
    """Stopping cancels the timer."""
    await typing_service.start(ALICE, GENERAL, ALICES_PHONE)
    await typing_service.stop(ALICE, GENERAL, ALICES_PHONE)
    broadcaster.published.clear()

    clock.advance(TYPING_EXPIRY_SECONDS)

    assert [] == broadcaster.published


async def test_list_names_who_is_typing_when_a_member_asks(typing_service: TypingService) -> None:
    """The list has only users who type in this channel, sorted by id."""
    bob = await typing_service.start(BOB, GENERAL, BOBS_PHONE)
    alice = await typing_service.start(ALICE, GENERAL, ALICES_PHONE)
    await typing_service.start(ALICE, RANDOM, ALICES_PHONE)

    assert (alice, bob) == await typing_service.list(CAROL, GENERAL)


async def test_list_names_those_who_typed_last_when_there_are_too_many(
    typing_service: TypingService, channels: MemoryChannelRepository
) -> None:
    """The size of an answer is bounded, however many members type."""
    crowd = [UserId(f"user_{number:03}") for number in range(MAX_LISTED)]
    await channels.seed({user_id: [GENERAL] for user_id in crowd})
    for user_id in (ALICE, BOB, *crowd, ALICE):
        await typing_service.start(user_id, GENERAL, SocketId(user_id))

    listed = await typing_service.list(CAROL, GENERAL)

    assert [*crowd[1:], ALICE] == [indicator.user_id for indicator in listed]


async def test_end_publishes_to_the_whole_channel_once_when_called_twice(
    typing_service: TypingService, broadcaster: RecordingBroadcaster, clock: ManualClock
) -> None:
    """The first call ends the typing of every socket. The second call publishes nothing."""
    await typing_service.start(ALICE, GENERAL, ALICES_PHONE)
    await typing_service.start(ALICE, GENERAL, ALICES_LAPTOP)
    broadcaster.published.clear()

    typing_service.end(ALICE, GENERAL)
    typing_service.end(ALICE, GENERAL)

    assert [published(clock, is_typing=False)] == broadcaster.published


async def test_leave_ends_typing_only_when_the_last_socket_has_left(
    typing_service: TypingService,
    events: EventService,
    broadcaster: RecordingBroadcaster,
    clock: ManualClock,
) -> None:
    """Typing continues while another socket of the user types."""
    events.subscribe(GENERAL, ALICES_PHONE, ALICE)
    events.subscribe(GENERAL, ALICES_LAPTOP, ALICE)
    await typing_service.start(ALICE, GENERAL, ALICES_LAPTOP)
    broadcaster.published.clear()

    events.unsubscribe(GENERAL, ALICES_PHONE, ALICE)
    typing_service.leave(ALICE, GENERAL, ALICES_PHONE)
    after_the_phone = list(broadcaster.published)
    events.unsubscribe(GENERAL, ALICES_LAPTOP, ALICE)
    typing_service.leave(ALICE, GENERAL, ALICES_LAPTOP)

    assert [] == after_the_phone
    assert [published(clock, is_typing=False)] == broadcaster.published


async def test_nothing_expires_when_the_module_is_destroyed(
    typing_service: TypingService, broadcaster: RecordingBroadcaster, clock: ManualClock
) -> None:
    await typing_service.start(ALICE, GENERAL, ALICES_PHONE)
    broadcaster.published.clear()

    await typing_service.on_module_destroy()
    clock.advance(TYPING_EXPIRY_SECONDS)

    assert [] == broadcaster.published


async def test_nothing_is_kept_when_everybody_has_stopped(
    typing_service: TypingService, clock: ManualClock
) -> None:
    await typing_service.start(ALICE, GENERAL, ALICES_PHONE)
    await typing_service.start(BOB, GENERAL, BOBS_PHONE)
    await typing_service.start(ALICE, RANDOM, ALICES_PHONE)

    clock.advance(TYPING_EXPIRY_SECONDS)

    assert {} == typing_service.typists
