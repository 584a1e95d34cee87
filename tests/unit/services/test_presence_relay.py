from collections.abc import AsyncIterator, Callable
from functools import partial

import pytest

from app.adapters.memory.store import MemoryStore
from app.domain.events import ServerEvent
from app.domain.ids import ChannelId, SocketId
from app.ports import ChannelEvent
from app.services.presence_relay import MAX_WAITING, PresenceRelay
from app.services.room_checks import ROOM_KEPT_SECONDS, RoomChecks
from app.services.room_sync import RoomSync
from tests.doubles.manual_clock import ManualClock
from tests.doubles.memory_socket_rooms import MemorySocketRooms
from tests.unit.services.people import DAVE, GENERAL, RANDOM
from tests.unit.services.slow_channels import SlowChannels
from tests.until import until

Receive = Callable[..., None]


@pytest.fixture
def channels(store: MemoryStore) -> SlowChannels:
    """Storage whose answers the test can delay."""
    return SlowChannels(store)


@pytest.fixture
def sent() -> list[str]:
    """The names of the events that the relay has sent to clients."""
    return []


@pytest.fixture
async def receive(
    room_sync: RoomSync, clock: ManualClock, sent: list[str]
) -> AsyncIterator[Receive]:
    """A function that passes an event to the relay, and records its ``name`` in `sent`."""
    relay = PresenceRelay(RoomChecks(room_sync, clock))
    await relay.on_module_init()

    def receive(
        name: str, channel_id: ChannelId = GENERAL, send: Callable[[], None] | None = None
    ) -> None:
        send = send or partial(sent.append, name)
        relay.receive(ChannelEvent(channel_id, ServerEvent.PRESENCE, {}, send))

    yield receive
    await relay.on_application_shutdown(None)


async def test_events_are_sent_in_order_when_a_room_must_be_checked(
    receive: Receive, channels: SlowChannels, clock: ManualClock, sent: list[str]
) -> None:
    """Events of other channels wait, too: a user's events may concern several channels."""
    receive("first")
    clock.advance(ROOM_KEPT_SECONDS)
    channels.hold()
    receive("second")
    await channels.asked.wait()
    receive("third", RANDOM)
    before = list(sent)

    channels.may_answer.set()
    await until(lambda: len(sent) == 3)

    assert ["first"] == before
    assert ["first", "second", "third"] == sent


async def test_former_member_receives_nothing_when_the_room_was_checked(
    receive: Receive, rooms: MemorySocketRooms, clock: ManualClock
) -> None:
    """Dave is in the room, but another program has removed him from the channel."""
    rooms.connect(SocketId("daves-phone"), DAVE, "channel:general")
    recipients: list[set[SocketId]] = []
    send = lambda: recipients.append(set(rooms.sockets_in("channel:general")))  # noqa: E731

    receive("first", send=send)
    clock.advance(ROOM_KEPT_SECONDS)
    receive("second", send=send)
    await until(lambda: len(recipients) == 2)

    assert [{"daves-phone"}, set()] == recipients


async def test_oldest_events_are_sent_unchecked_when_too_many_wait(
    receive: Receive, channels: SlowChannels, clock: ManualClock, sent: list[str]
) -> None:
    """No event is lost when the storage answers late, or not at all."""
    names = [str(number) for number in range(MAX_WAITING + 5)]
    receive("first")
    clock.advance(ROOM_KEPT_SECONDS)
    channels.hold()

    for name in names:
        receive(name)
    unchecked = list(sent)
    channels.is_down = True
    channels.may_answer.set()
    await until(lambda: len(sent) > len(names))

    assert ["first", *names[:5]] == unchecked
    assert ["first", *names] == sent


async def test_next_events_are_sent_when_one_cannot_be_sent(
    receive: Receive,
    clock: ManualClock,
    sent: list[str],
    caplog: pytest.LogCaptureFixture,
) -> None:
    def fail() -> None:
        raise ValueError

    receive("first")
    clock.advance(ROOM_KEPT_SECONDS)

    receive("second", send=fail)
    receive("third")
    await until(lambda: len(sent) == 2)

    assert ["first", "third"] == sent
    assert "could not be sent" in caplog.text
