import asyncio

from hypothesis import given
from hypothesis import strategies as st

from app.adapters.memory.channel_repository import MemoryChannelRepository
from app.adapters.memory.store import MemoryStore
from app.domain.ids import ChannelId, SocketId, UserId
from app.services.event_service import EventService
from tests.unit.services.people import (
    ALICE,
    ALICES_LAPTOP,
    ALICES_PHONE,
    BOB,
    DAVE,
    GENERAL,
    RANDOM,
)
from tests.unit.services.slow_channels import SlowChannels

HELP = ChannelId("help")
ALL_SEATS = [
    (ChannelId(channel), SocketId(socket), UserId(user))
    for channel in ("general", "random", "help")
    for socket in ("phone", "laptop", "tablet")
    for user in ("alice", "bob")
]


async def test_user_channels_are_the_stored_ones_when_asked(events: EventService) -> None:
    """The channels are those of the user's memberships, not of the sockets' subscriptions."""
    assert (GENERAL, RANDOM) == await events.get_user_channels(ALICE)
    assert () == await events.get_user_channels(DAVE)


async def test_user_channels_are_those_of_now_when_they_change_while_storage_is_asked(
    store: MemoryStore,
) -> None:
    """In each channel, the user's last change during the query overrides the query's result."""
    channels = SlowChannels(store)
    events = EventService(channels)
    channels.hold()

    asking = asyncio.create_task(events.get_user_channels(ALICE))
    await channels.asked.wait()
    events.changed(HELP, [ALICE, BOB], belong=True)
    events.changed(GENERAL, [ALICE], belong=True)
    events.changed(GENERAL, [ALICE], belong=False)
    events.changed(RANDOM, [BOB], belong=False)
    channels.may_answer.set()

    assert (HELP, RANDOM) == await asking


async def test_user_channels_are_the_stored_ones_when_a_change_came_before(
    events: EventService,
) -> None:
    """Changes before the query are ignored, because the query's result includes them."""
    events.changed(GENERAL, [ALICE], belong=False)
    first = await events.get_user_channels(ALICE)

    events.changed(RANDOM, [ALICE], belong=False)
    second = await events.get_user_channels(ALICE)

    assert (GENERAL, RANDOM) == first == second
    assert {} == events._queries


def test_user_listens_until_the_last_socket_leaves_when_there_are_two(
    events: EventService,
) -> None:
    """The channel is still followed by the user's second socket."""
    events.subscribe(GENERAL, ALICES_PHONE, ALICE)
    events.subscribe(GENERAL, ALICES_LAPTOP, ALICE)

    events.unsubscribe(GENERAL, ALICES_LAPTOP, ALICE)
    with_phone = events.is_listening(GENERAL, ALICE)
    events.unsubscribe(GENERAL, ALICES_PHONE, ALICE)
    with_none = events.is_listening(GENERAL, ALICE)

    assert (True, False) == (with_phone, with_none)


def test_channels_of_socket_are_sorted_when_it_follows_several(events: EventService) -> None:
    """The channels of a socket that disconnects are known without a query."""
    events.subscribe(RANDOM, ALICES_PHONE, ALICE)
    events.subscribe(GENERAL, ALICES_PHONE, ALICE)

    assert (GENERAL, RANDOM) == events.channels_of_socket(ALICES_PHONE, ALICE)
    assert () == events.channels_of_socket(ALICES_LAPTOP, ALICE)


def test_unsubscribe_changes_nothing_when_the_seat_is_not_taken(events: EventService) -> None:
    """Unsubscribing twice, or for another user, changes nothing."""
    events.subscribe(GENERAL, ALICES_PHONE, ALICE)

    events.unsubscribe(RANDOM, ALICES_PHONE, ALICE)
    events.unsubscribe(GENERAL, ALICES_PHONE, BOB)

    assert (GENERAL,) == events.channels_of_socket(ALICES_PHONE, ALICE)
    assert events.is_listening(GENERAL, ALICE)


@given(st.lists(st.tuples(st.booleans(), st.sampled_from(ALL_SEATS)), max_size=60))
def test_subscriptions_agree_with_a_plain_set_when_seats_come_and_go(
    steps: list[tuple[bool, tuple[ChannelId, SocketId, UserId]]],
) -> None:
    """Every result is the same as with a plain set, and no empty entries are left."""
    events = EventService(MemoryChannelRepository(MemoryStore()))
    taken: set[tuple[ChannelId, SocketId, UserId]] = set()

    for subscribes, seat in steps:
        if subscribes:
            events.subscribe(*seat)
            taken.add(seat)
        else:
            events.unsubscribe(*seat)
            taken.discard(seat)

    held = [
        (channel, socket, user)
        for user, channels in events._sockets.items()
        for channel, sockets in channels.items()
        for socket in sockets
    ]
    assert sorted(taken) == sorted(held)
    assert all(events._sockets.values())
    for channel, socket, user in ALL_SEATS:
        assert events.is_listening(channel, user) == any(
            (channel, user) == (each[0], each[2]) for each in taken
        )
        assert events.channels_of_socket(socket, user) == tuple(
            sorted(each[0] for each in taken if each[1:] == (socket, user))
        )
