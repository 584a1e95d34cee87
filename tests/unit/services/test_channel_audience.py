import asyncio
from typing import Any

import pytest

from app.adapters.memory.local_membership_channel import LocalMembershipChannel
from app.adapters.memory.manual_clock import ManualClock
from app.adapters.memory.memory_socket_rooms import MemorySocketRooms
from app.adapters.memory.memory_store import MemoryStore
from app.domain.channel import MembershipEvent, MembershipNews
from app.domain.ids import ChannelId, SocketId, UserId
from app.services.channel_audience import REFRESH_SECONDS, ChannelAudience
from app.services.event_service import EventService
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
WAIT_SECONDS = 5.0


@pytest.fixture
def channels(store: MemoryStore) -> SlowChannels:
    """Who belongs where; a test may hold the answers back."""
    return SlowChannels(store)


@pytest.fixture
def left(audience: ChannelAudience) -> list[tuple[UserId, ChannelId]]:
    """Who has left, as the listener is told."""
    left: list[tuple[UserId, ChannelId]] = []
    audience.when_left(lambda user_id, channel_id: left.append((user_id, channel_id)))
    return left


@pytest.fixture
def everybody(rooms: MemorySocketRooms, events: EventService) -> None:
    """Alice with phone and laptop, and Bob, follow general."""
    for socket_id, user_id in (
        (ALICES_PHONE, ALICE),
        (ALICES_LAPTOP, ALICE),
        (BOBS_PHONE, BOB),
    ):
        rooms.connect(socket_id, user_id, ROOM)
        events.subscribe(GENERAL, socket_id, user_id)


def news(event: MembershipEvent, *user_ids: UserId) -> MembershipNews:
    """Of general."""
    return MembershipNews(event, GENERAL, frozenset(user_ids))


@pytest.mark.usefixtures("everybody")
async def test_sockets_leave_when_others_have_removed_their_user(
    audience: ChannelAudience,
    store: MemoryStore,
    rooms: MemorySocketRooms,
    events: EventService,
    left: list[tuple[UserId, ChannelId]],
) -> None:
    """All of them, and the listener hears of it; who belongs stays."""
    store.leave(GENERAL, ALICE)

    await audience.refresh(GENERAL)

    assert {BOBS_PHONE} == rooms.sockets_in(ROOM)
    assert (False, True) == (
        events.is_listening(GENERAL, ALICE),
        events.is_listening(GENERAL, BOB),
    )
    assert [(ALICE, GENERAL)] == left


async def test_sockets_join_when_others_have_added_their_user(
    audience: ChannelAudience, rooms: MemorySocketRooms, events: EventService
) -> None:
    """Each that is not in the room yet, and nobody's who does not belong."""
    rooms.connect(ALICES_PHONE, ALICE)
    rooms.connect(ALICES_LAPTOP, ALICE, ROOM)
    rooms.connect(BOBS_PHONE, DAVE)

    await audience.refresh(GENERAL)

    assert {ALICES_PHONE, ALICES_LAPTOP} == rooms.sockets_in(ROOM)
    assert (GENERAL,) == events.channels_of_socket(ALICES_PHONE, ALICE)
    assert not events.is_listening(GENERAL, DAVE)


@pytest.mark.usefixtures("everybody")
async def test_members_are_not_read_again_when_they_were_just_read(
    audience: ChannelAudience, channels: SlowChannels, clock: ManualClock, store: MemoryStore
) -> None:
    """But as soon as what was read is too old."""
    await audience.refresh(GENERAL)
    store.leave(GENERAL, BOB)

    clock.advance(REFRESH_SECONDS - 0.1)
    await audience.refresh(GENERAL)
    questions_when_fresh = channels.questions
    clock.advance(0.1)
    await audience.refresh(GENERAL)

    assert (1, 2) == (questions_when_fresh, channels.questions)


async def test_channels_do_not_share_their_age_when_one_was_read(
    audience: ChannelAudience, channels: SlowChannels
) -> None:
    """Each has its own."""
    await audience.refresh(GENERAL)
    await audience.refresh(RANDOM)

    assert 2 == channels.questions


async def test_members_are_read_once_when_many_ask_at_once(
    audience: ChannelAudience, channels: SlowChannels
) -> None:
    """They share the reading, and all of them wait for it."""
    channels.hold()

    asking = [asyncio.create_task(audience.refresh(GENERAL)) for _ in range(3)]
    await channels.asked.wait()
    await asyncio.sleep(0)
    answered_early = [each.done() for each in asking]
    channels.may_answer.set()
    async with asyncio.timeout(WAIT_SECONDS):
        await asyncio.gather(*asking)

    assert ([False] * 3, 1) == (answered_early, channels.questions)


async def test_others_go_on_when_the_one_who_reads_is_cancelled(
    audience: ChannelAudience, channels: SlowChannels
) -> None:
    """And the next to ask reads anew."""
    channels.hold()
    reader = asyncio.create_task(audience.refresh(GENERAL))
    await channels.asked.wait()
    other = asyncio.create_task(audience.refresh(GENERAL))
    await asyncio.sleep(0)

    reader.cancel()
    async with asyncio.timeout(WAIT_SECONDS):
        await other
    channels.may_answer.set()
    await audience.refresh(GENERAL)

    assert (True, 2) == (reader.cancelled(), channels.questions)


@pytest.mark.usefixtures("everybody")
async def test_rooms_stay_as_they_are_when_storage_does_not_answer(
    audience: ChannelAudience, channels: SlowChannels, store: MemoryStore, rooms: MemorySocketRooms
) -> None:
    """The caller goes on, and the next one tries again."""
    store.leave(GENERAL, BOB)
    channels.is_down = True

    await audience.refresh(GENERAL)
    while_down = rooms.sockets_in(ROOM)
    channels.is_down = False
    await audience.refresh(GENERAL)

    assert {ALICES_PHONE, ALICES_LAPTOP, BOBS_PHONE} == while_down
    assert {ALICES_PHONE, ALICES_LAPTOP} == rooms.sockets_in(ROOM)


@pytest.mark.usefixtures("everybody")
async def test_removal_stands_when_older_members_are_read_after_it(
    audience: ChannelAudience,
    channels: SlowChannels,
    membership: LocalMembershipChannel,
    rooms: MemorySocketRooms,
) -> None:
    """Bob was a member when they were asked for; the rest of the answer holds."""
    channels.hold()
    rooms.leave([ALICE], ROOM)

    refreshing = asyncio.create_task(audience.refresh(GENERAL))
    await channels.asked.wait()
    await membership.publish(news(MembershipEvent.LEFT, BOB))
    channels.may_answer.set()
    await refreshing

    assert {ALICES_PHONE, ALICES_LAPTOP} == rooms.sockets_in(ROOM)


@pytest.mark.usefixtures("everybody")
async def test_newcomer_stays_when_older_members_are_read_after_it(
    audience: ChannelAudience,
    channels: SlowChannels,
    membership: LocalMembershipChannel,
    rooms: MemorySocketRooms,
) -> None:
    """Dave was no member when they were asked for."""
    channels.hold()
    rooms.connect(DAVES_PHONE, DAVE)

    refreshing = asyncio.create_task(audience.refresh(GENERAL))
    await channels.asked.wait()
    await membership.publish(news(MembershipEvent.JOINED, DAVE))
    channels.may_answer.set()
    await refreshing

    assert DAVES_PHONE in rooms.sockets_in(ROOM)


@pytest.mark.usefixtures("everybody")
async def test_room_stays_empty_when_the_channel_ends_while_its_members_are_read(
    audience: ChannelAudience,
    channels: SlowChannels,
    membership: LocalMembershipChannel,
    rooms: MemorySocketRooms,
) -> None:
    """Whoever was a member when they were asked for; whoever was in the room without being one."""
    channels.hold()
    rooms.connect(DAVES_PHONE, DAVE, ROOM)

    refreshing = asyncio.create_task(audience.refresh(GENERAL))
    await channels.asked.wait()
    await membership.publish(news(MembershipEvent.ENDED, ALICE, BOB, CAROL))
    channels.may_answer.set()
    await refreshing

    assert set() == rooms.sockets_in(ROOM)


@pytest.mark.usefixtures("everybody")
async def test_listeners_hear_of_the_end_when_a_channel_is_deleted(
    audience: ChannelAudience,
    events: EventService,
    left: list[tuple[UserId, ChannelId]],
) -> None:
    """Of each who left, and of the channel."""
    ended: list[Any] = []
    audience.when_ended(ended.append)

    audience.apply(news(MembershipEvent.ENDED, ALICE))

    assert [(ALICE, GENERAL), (BOB, GENERAL)] == sorted(left)
    assert [GENERAL] == ended
    assert not events.is_listening(GENERAL, BOB)


@pytest.mark.usefixtures("everybody")
async def test_news_change_nothing_when_they_come_twice(
    audience: ChannelAudience, rooms: MemorySocketRooms, events: EventService
) -> None:
    """Nodes may hear of their own changes."""
    for _ in range(2):
        audience.apply(news(MembershipEvent.LEFT, ALICE))
    without_alice = rooms.sockets_in(ROOM)
    for _ in range(2):
        audience.apply(news(MembershipEvent.JOINED, ALICE))

    assert {BOBS_PHONE} == without_alice
    assert {ALICES_PHONE, ALICES_LAPTOP, BOBS_PHONE} == rooms.sockets_in(ROOM)
    assert (GENERAL,) == events.channels_of_socket(ALICES_PHONE, ALICE)


async def test_nothing_is_kept_of_channels_that_were_read_long_ago(
    audience: ChannelAudience, clock: ManualClock
) -> None:
    """Memory stays flat, however many channels there were."""
    for number in range(100):
        await audience.refresh(ChannelId(f"channel-{number}"))
        clock.advance(REFRESH_SECONDS / 4)

    assert (4, {}) == (len(audience._fresh_until), audience._readings)
