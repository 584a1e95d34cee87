import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Collection, Mapping
from itertools import pairwise
from typing import Any

import pytest

from app.adapters.memory.channel_repository import MemoryChannelRepository
from app.adapters.memory.limits import MemorySocketQuota
from app.adapters.memory.online_users import MemoryOnlineUsers
from app.adapters.memory.store import MemoryStore
from app.domain.errors import NotAMember, Unavailable
from app.domain.events import ServerEvent
from app.domain.ids import ChannelId, SocketId, UserId
from app.domain.presence import MemberPresence, PresenceChange
from app.domain.rooms import channel_room
from app.services.event_service import EventService
from app.services.presence_service import (
    EVENTS_AT_ONCE,
    MAX_LISTED,
    OFFLINE_DELAY_SECONDS,
    RECENT_SECONDS,
    RETRY_SECONDS,
    SWEEP_SECONDS,
    USERS_AT_ONCE,
    USERS_PER_QUERY,
    PresenceService,
)
from app.services.room_checks import ROOM_KEPT_SECONDS, RoomChecks
from app.services.room_sync import RoomSync
from tests.doubles.manual_clock import ManualClock
from tests.doubles.memory_socket_rooms import MemorySocketRooms
from tests.doubles.recording_broadcaster import Publication, RecordingBroadcaster
from tests.unit.services.people import ALICE, BOB, CAROL, DAVE, GENERAL, RANDOM
from tests.unit.services.slow_channels import SlowChannels
from tests.until import until


class SharedUsers(MemoryOnlineUsers):
    """The online users of several nodes. A test can make calls fail, and delete the data."""

    def __init__(self, socket_quota: MemorySocketQuota) -> None:
        super().__init__(socket_quota)
        self.is_down = False
        self.loses_answer = False
        self.abandoned_users: list[UserId] = []
        self.batches: list[int] = []
        self.may_answer = asyncio.Event()
        self.may_answer.set()
        self._quota = socket_quota

    async def settle(
        self, user_ids: Collection[UserId], *, again: bool = False
    ) -> Mapping[UserId, bool]:
        if self.is_down:
            raise Unavailable
        self.batches.append(len(user_ids))
        changes = await super().settle(user_ids, again=again)
        await self.may_answer.wait()
        if self.loses_answer:
            self.loses_answer = False
            raise Unavailable
        return changes

    async def abandoned(self) -> AsyncIterator[Collection[UserId]]:
        if self.abandoned_users:
            batch, self.abandoned_users = self.abandoned_users, []
            yield batch

    def listen(
        self,
        on_left: Callable[[UserId], None],
        on_reset: Callable[[Collection[UserId]], None],
    ) -> None:
        super().listen(on_left, on_reset)
        self._on_reset = on_reset

    def lose_everything(self) -> None:
        """Forget the published presence, as a FLUSHALL of Redis does."""
        self._online.clear()
        self._on_reset(tuple(self._quota.counts))

    def appear_elsewhere(self, user_id: UserId) -> None:
        """Mark the user as published online by another node, which has crashed since."""
        self._online.add(user_id)
        self.abandoned_users.append(user_id)


class SlowBroadcaster(RecordingBroadcaster):
    """Writes to clients at the end of each tick, as the server does.

    Attributes:
        write_seconds: The time that writing takes.
    """

    def __init__(self) -> None:
        super().__init__()
        self.write_seconds = 0.0
        self._is_writing = False

    def publish(self, *args: Any, **options: Any) -> None:
        super().publish(*args, **options)
        if not self._is_writing and self.write_seconds:
            self._is_writing = True
            asyncio.get_running_loop().call_soon(self._write)

    def _write(self) -> None:
        self._is_writing = False
        time.sleep(self.write_seconds)


@pytest.fixture
def broadcaster() -> SlowBroadcaster:
    return SlowBroadcaster()


@pytest.fixture
def channels(store: MemoryStore) -> SlowChannels:
    """Storage whose answers the test can delay."""
    return SlowChannels(store)


@pytest.fixture
def quota() -> MemorySocketQuota:
    return MemorySocketQuota(10)


@pytest.fixture
def online_users(quota: MemorySocketQuota) -> SharedUsers:
    return SharedUsers(quota)


@pytest.fixture
async def service(
    online_users: SharedUsers,
    channels: SlowChannels,
    events: EventService,
    room_sync: RoomSync,
    broadcaster: RecordingBroadcaster,
    clock: ManualClock,
) -> AsyncIterator[PresenceService]:
    """A service that is publishing."""
    service = PresenceService(
        online_users,
        channels,
        events,
        room_sync,
        RoomChecks(room_sync, clock),
        broadcaster,
        clock,
    )
    await service.on_module_init()
    yield service
    await service.on_module_destroy()


Connect = Callable[..., Awaitable[None]]


@pytest.fixture
def connect(
    service: PresenceService,
    quota: MemorySocketQuota,
    events: EventService,
    channels: MemoryChannelRepository,
) -> Connect:
    """A function that connects one socket of each user, as the gateway does."""

    async def connect(*user_ids: UserId) -> None:
        for user_id in user_ids:
            await quota.acquire(user_id)
            for channel_id in await channels.channels_of(user_id):
                events.subscribe(channel_id, SocketId(f"{user_id}-phone"), user_id)
            service.connected(user_id)

    return connect


@pytest.fixture
def disconnect(quota: MemorySocketQuota, events: EventService) -> Callable[[UserId], None]:
    """A function that disconnects a socket of the user."""

    def disconnect(user_id: UserId) -> None:
        socket_id = SocketId(f"{user_id}-phone")
        for channel_id in events.channels_of_socket(socket_id, user_id):
            events.unsubscribe(channel_id, socket_id, user_id)
        quota.release(user_id)

    return disconnect


Disconnect = Callable[[UserId], None]


def published(user_id: UserId, *channel_ids: ChannelId, online: bool) -> list[Publication]:
    return [
        Publication(
            channel_room(channel_id),
            ServerEvent.PRESENCE,
            PresenceChange(channel_id, user_id, online),
            except_user=user_id,
        )
        for channel_id in channel_ids
    ]


async def wait_for(broadcaster: RecordingBroadcaster, *expected: Publication) -> None:
    """Wait until there are as many publications as expected, and compare them."""
    await until(lambda: len(broadcaster.published) >= len(expected))
    assert list(expected) == broadcaster.published
    broadcaster.published.clear()


async def test_first_socket_is_published_to_all_channels_of_the_user(
    connect: Connect, broadcaster: RecordingBroadcaster
) -> None:
    """Further sockets are not published."""
    await connect(ALICE)
    await wait_for(broadcaster, *published(ALICE, GENERAL, RANDOM, online=True))

    await connect(ALICE)
    await connect(CAROL)

    await wait_for(broadcaster, *published(CAROL, GENERAL, online=True))


async def test_last_disconnect_is_published_after_the_delay(
    connect: Connect,
    disconnect: Disconnect,
    broadcaster: RecordingBroadcaster,
    clock: ManualClock,
) -> None:
    """The channels are read from the storage, because the user has no socket any more."""
    await connect(ALICE, ALICE)
    await until(lambda: bool(broadcaster.published))
    broadcaster.published.clear()

    disconnect(ALICE)
    clock.advance(OFFLINE_DELAY_SECONDS)
    disconnect(ALICE)
    clock.advance(OFFLINE_DELAY_SECONDS / 2)
    await connect(CAROL)
    await wait_for(broadcaster, *published(CAROL, GENERAL, online=True))
    clock.advance(OFFLINE_DELAY_SECONDS / 2)

    await wait_for(broadcaster, *published(ALICE, GENERAL, RANDOM, online=False))


async def test_reloading_a_page_publishes_nothing(
    connect: Connect,
    disconnect: Disconnect,
    broadcaster: RecordingBroadcaster,
    clock: ManualClock,
) -> None:
    await connect(ALICE)
    await wait_for(broadcaster, *published(ALICE, GENERAL, RANDOM, online=True))

    for _ in range(3):
        disconnect(ALICE)
        clock.advance(OFFLINE_DELAY_SECONDS / 2)
        await connect(ALICE)
    clock.advance(OFFLINE_DELAY_SECONDS)
    await connect(CAROL)

    await wait_for(broadcaster, *published(CAROL, GENERAL, online=True))


async def test_leaving_while_the_arrival_is_published_ends_offline(
    connect: Connect,
    disconnect: Disconnect,
    broadcaster: RecordingBroadcaster,
    online_users: SharedUsers,
    clock: ManualClock,
) -> None:
    """Both changes are published, in order."""
    online_users.may_answer.clear()
    await connect(CAROL)
    await until(lambda: [1] == online_users.batches)

    disconnect(CAROL)
    clock.advance(OFFLINE_DELAY_SECONDS)
    online_users.may_answer.set()

    await wait_for(
        broadcaster,
        *published(CAROL, GENERAL, online=True),
        *published(CAROL, GENERAL, online=False),
    )


async def test_removed_member_receives_no_presence_when_the_room_was_not_checked_for_a_minute(
    connect: Connect,
    broadcaster: RecordingBroadcaster,
    rooms: MemorySocketRooms,
    channels: SlowChannels,
    clock: ManualClock,
) -> None:
    """Another program has removed Dave. The room is checked at most once a minute."""
    rooms.connect(SocketId("daves-phone"), DAVE, "channel:general")

    await connect(CAROL)
    await wait_for(broadcaster, *published(CAROL, GENERAL, online=True))
    assert {"daves-phone"} == rooms.sockets_in("channel:general")
    clock.advance(ROOM_KEPT_SECONDS)
    await connect(BOB)
    await until(lambda: 2 == len(broadcaster.published))
    queries = channels.queries
    await connect(ALICE)
    await until(lambda: 4 == len(broadcaster.published))

    assert set() == rooms.sockets_in("channel:general")
    assert queries + 1 == channels.queries  # the channels of Alice


@pytest.mark.parametrize("part", ["storage", "redis"])
async def test_last_state_is_published_when_an_outage_is_over(
    service: PresenceService,
    connect: Connect,
    disconnect: Disconnect,
    broadcaster: RecordingBroadcaster,
    channels: SlowChannels,
    online_users: SharedUsers,
    clock: ManualClock,
    part: str,
) -> None:
    """No user stays online or offline wrongly, and the outage is logged once."""
    await connect(CAROL)
    await wait_for(broadcaster, *published(CAROL, GENERAL, online=True))
    outage = channels if part == "storage" else online_users

    outage.is_down = True
    disconnect(CAROL)
    clock.advance(OFFLINE_DELAY_SECONDS)
    await until(lambda: service._is_failing)
    clock.advance(RETRY_SECONDS)
    outage.is_down = False
    clock.advance(RETRY_SECONDS)

    await wait_for(broadcaster, *published(CAROL, GENERAL, online=False))


async def test_change_is_published_when_it_was_decided_but_the_answer_was_lost(
    connect: Connect,
    broadcaster: RecordingBroadcaster,
    online_users: SharedUsers,
    clock: ManualClock,
) -> None:
    """The next call would not return the change, unless the service asks for it again."""
    online_users.loses_answer = True

    await connect(CAROL)
    await until(lambda: not online_users.loses_answer)
    clock.advance(RETRY_SECONDS)

    await wait_for(broadcaster, *published(CAROL, GENERAL, online=True))


async def test_everything_is_published_again_when_the_shared_data_was_lost(
    connect: Connect,
    disconnect: Disconnect,
    broadcaster: RecordingBroadcaster,
    online_users: SharedUsers,
) -> None:
    """Otherwise, Alice's departure would not be published: the lost data listed her as online."""
    await connect(ALICE, CAROL)
    await until(lambda: 3 == len(broadcaster.published))
    broadcaster.published.clear()

    disconnect(ALICE)
    online_users.lose_everything()

    await wait_for(
        broadcaster,
        *published(ALICE, GENERAL, RANDOM, online=False),
        *published(CAROL, GENERAL, online=True),
    )


async def test_recent_changes_are_published_again_when_other_nodes_have_missed_them(
    service: PresenceService,
    connect: Connect,
    disconnect: Disconnect,
    broadcaster: RecordingBroadcaster,
    clock: ManualClock,
) -> None:
    """Older changes are left out, because nodes notice an outage sooner."""
    await connect(ALICE)
    await wait_for(broadcaster, *published(ALICE, GENERAL, RANDOM, online=True))
    clock.advance(RECENT_SECONDS + 1)
    await connect(CAROL)
    await wait_for(broadcaster, *published(CAROL, GENERAL, online=True))
    disconnect(CAROL)
    clock.advance(OFFLINE_DELAY_SECONDS)
    await wait_for(broadcaster, *published(CAROL, GENERAL, online=False))

    service.publish_again()
    await wait_for(broadcaster, *published(CAROL, GENERAL, online=False))
    await connect(BOB)

    await wait_for(broadcaster, *published(BOB, GENERAL, RANDOM, online=True))


async def test_users_of_a_crashed_node_are_published_after_a_sweep(
    service: PresenceService,
    broadcaster: RecordingBroadcaster,
    online_users: SharedUsers,
    clock: ManualClock,
) -> None:
    del service
    online_users.appear_elsewhere(ALICE)

    clock.advance(SWEEP_SECONDS)
    await wait_for(broadcaster, *published(ALICE, GENERAL, RANDOM, online=False))
    online_users.appear_elsewhere(CAROL)
    clock.advance(SWEEP_SECONDS)

    await wait_for(broadcaster, *published(CAROL, GENERAL, online=False))


async def test_users_are_settled_in_batches_when_many_connect_at_once(
    service: PresenceService,
    quota: MemorySocketQuota,
    online_users: SharedUsers,
    channels: SlowChannels,
    broadcaster: RecordingBroadcaster,
) -> None:
    """Each batch is small, because each user may have thousands of channels."""
    users = [UserId(f"user_{number:04}") for number in range(2_000)]
    await channels.seed({user_id: [GENERAL] for user_id in users})
    for user_id in users:
        await quota.acquire(user_id)
        service.connected(user_id)

    await until(lambda: len(users) == len(broadcaster.published))

    assert max(online_users.batches) <= USERS_AT_ONCE
    assert channels.most_users <= USERS_PER_QUERY
    assert channels.queries <= 2 * len(users) // USERS_PER_QUERY


async def test_loop_is_not_blocked_when_a_user_has_thousands_of_channels(
    connect: Connect, channels: SlowChannels, broadcaster: RecordingBroadcaster
) -> None:
    """Between two turns of the event loop, at most `EVENTS_AT_ONCE` events are published."""
    many = [ChannelId(f"channel_{number:04}") for number in range(3_000)]
    await channels.seed({DAVE: many})
    counts = [0]
    await connect(DAVE)

    async with asyncio.timeout(60):
        while counts[-1] < len(many):
            await asyncio.sleep(0)
            counts.append(len(broadcaster.published))

    steps = [after - before for before, after in pairwise(counts)]
    assert max(steps) <= EVENTS_AT_ONCE
    assert published(DAVE, *many, online=True) == broadcaster.published


async def test_events_of_many_users_are_published_in_the_same_tick(
    service: PresenceService,
    quota: MemorySocketQuota,
    channels: SlowChannels,
    broadcaster: RecordingBroadcaster,
) -> None:
    """The server writes the events of one tick together, so fewer ticks need fewer writes."""
    users = [UserId(f"user_{number:03}") for number in range(4 * EVENTS_AT_ONCE)]
    await channels.seed({user_id: [GENERAL] for user_id in users})
    counts = [0]
    for user_id in users:
        await quota.acquire(user_id)
        service.connected(user_id)

    async with asyncio.timeout(60):
        while counts[-1] < len(users):
            await asyncio.sleep(0)
            counts.append(len(broadcaster.published))

    steps = [after - before for before, after in pairwise(counts) if after > before]
    assert [EVENTS_AT_ONCE] * 4 == steps


async def test_pause_is_as_long_as_publishing_and_writing_took(
    connect: Connect, channels: SlowChannels, broadcaster: SlowBroadcaster
) -> None:
    """The frames are written at the end of the tick, which takes longer than publishing."""
    chunks = 4
    many = [ChannelId(f"channel_{number:04}") for number in range(chunks * EVENTS_AT_ONCE)]
    await channels.seed({DAVE: many})
    broadcaster.write_seconds = 0.05
    began_at = time.monotonic()

    await connect(DAVE)
    await until(lambda: len(many) == len(broadcaster.published))

    assert time.monotonic() - began_at >= (chunks - 1) * 2 * broadcaster.write_seconds


async def test_change_is_published_again_when_others_missed_it_during_the_publication(
    service: PresenceService,
    connect: Connect,
    channels: SlowChannels,
    broadcaster: SlowBroadcaster,
) -> None:
    """The first part of a long publication may be lost before the last part is published."""
    many = [ChannelId(f"channel_{number:04}") for number in range(2 * EVENTS_AT_ONCE)]
    await channels.seed({DAVE: many})
    broadcaster.write_seconds = 0.1
    await connect(DAVE)
    await until(lambda: bool(broadcaster.published))

    service.publish_again()

    await wait_for(broadcaster, *(2 * published(DAVE, *many, online=True)))


async def test_members_are_listed_with_the_online_ones_first(
    service: PresenceService, connect: Connect, broadcaster: RecordingBroadcaster
) -> None:
    await connect(CAROL)
    await until(lambda: bool(broadcaster.published))

    response = await service.members(ALICE, GENERAL)

    listed = [(CAROL, True), (ALICE, False), (BOB, False)]
    assert [("data", tuple(MemberPresence(*each) for each in listed))] == list(response.items())


async def test_members_are_limited_and_counted_when_there_are_many(
    service: PresenceService, connect: Connect, channels: SlowChannels, online_users: SharedUsers
) -> None:
    users = [UserId(f"user_{number:05}") for number in range(10_000)]
    await channels.seed({user_id: [RANDOM] for user_id in users})
    await connect(*users[-300:])
    await until(lambda: sum(online_users.batches) >= 600)

    response = await service.members(ALICE, RANDOM)

    assert MAX_LISTED == len(response["data"])
    assert [True] * 300 + [False] * (MAX_LISTED - 300) == [each.online for each in response["data"]]
    assert {"members": 10_002, "online": 300} == response["counts"]


async def test_members_are_refused_to_a_user_who_is_no_member(service: PresenceService) -> None:
    with pytest.raises(NotAMember):
        await service.members(DAVE, GENERAL)


async def test_members_are_unavailable_when_the_storage_is_down(
    service: PresenceService, channels: SlowChannels
) -> None:
    channels.is_down = True

    with pytest.raises(Unavailable):
        await service.members(ALICE, GENERAL)


async def test_members_share_one_query_when_many_ask_at_once(
    service: PresenceService,
    connect: Connect,
    room_sync: RoomSync,
    channels: SlowChannels,
) -> None:
    """After a restart, all clients ask at the same time."""
    await connect(ALICE)
    await room_sync.refresh_all([GENERAL, RANDOM])
    queries = channels.queries

    responses = await asyncio.gather(*(service.members(ALICE, GENERAL) for _ in range(500)))

    assert 500 == len(responses)
    assert channels.queries <= queries + 2


async def test_nothing_is_published_when_the_node_stops(
    service: PresenceService,
    connect: Connect,
    disconnect: Disconnect,
    broadcaster: RecordingBroadcaster,
    clock: ManualClock,
) -> None:
    """In a rolling restart, users reconnect to other nodes, so they stay online."""
    await connect(CAROL)
    await wait_for(broadcaster, *published(CAROL, GENERAL, online=True))

    disconnect(CAROL)
    await service.on_module_destroy()
    clock.advance(OFFLINE_DELAY_SECONDS)
    for _ in range(10):
        await asyncio.sleep(0)

    assert [] == broadcaster.published
