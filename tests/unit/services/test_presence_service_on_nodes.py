"""Tests that nodes with one Redis publish each change once, and in order.

Covers app/services/presence_service.py and app/adapters/redis/online_users.py.
"""

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from random import Random
from typing import NamedTuple

import pytest

from app.adapters.memory.channel_repository import MemoryChannelRepository
from app.adapters.memory.local_membership_bus import LocalMembershipBus
from app.adapters.redis.connection import RedisConnection
from app.adapters.redis.online_users import RedisOnlineUsers
from app.adapters.redis.socket_quota import RedisSocketQuota
from app.adapters.system.clock import SystemClock
from app.domain.ids import UserId
from app.domain.presence import PresenceChange
from app.services.event_service import EventService
from app.services.presence_service import OFFLINE_DELAY_SECONDS, SWEEP_SECONDS, PresenceService
from app.services.room_checks import RoomChecks
from app.services.room_sync import RoomSync
from tests.doubles.manual_clock import ManualClock
from tests.doubles.memory_socket_rooms import MemorySocketRooms
from tests.doubles.recording_broadcaster import RecordingBroadcaster
from tests.redis_server import RedisServer
from tests.unit.services.people import BOB, CAROL, GENERAL
from tests.until import until


class Node(NamedTuple):
    """A node without clients. A test acquires and releases the sockets."""

    quota: RedisSocketQuota
    presence: PresenceService
    online_users: RedisOnlineUsers

    async def connect(self, user_id: UserId) -> None:
        assert await self.quota.acquire(user_id)
        self.presence.connected(user_id)


@asynccontextmanager
async def running_node(
    server: RedisServer,
    channels: MemoryChannelRepository,
    broadcaster: RecordingBroadcaster,
    clock: ManualClock,
) -> AsyncIterator[Node]:
    """Run a node with its own connection to Redis. All nodes record their events in one list."""
    connection = RedisConnection(server.url, 10.0, SystemClock())
    await connection.on_module_init()
    quota = RedisSocketQuota(connection, 100, clock)
    online_users = RedisOnlineUsers(connection, quota)
    events = EventService(channels)
    rooms = RoomSync(channels, events, MemorySocketRooms(), LocalMembershipBus(), clock)
    presence = PresenceService(
        online_users, channels, events, rooms, RoomChecks(rooms, clock), broadcaster, clock
    )
    await quota.on_module_init()
    await presence.on_module_init()
    yield Node(quota, presence, online_users)
    await presence.on_module_destroy()
    await quota.before_application_shutdown(None)
    await connection.on_application_shutdown(None)


@pytest.fixture
async def nodes(
    redis_server: RedisServer,
    channels: MemoryChannelRepository,
    broadcaster: RecordingBroadcaster,
    clock: ManualClock,
) -> AsyncIterator[tuple[Node, ...]]:
    """Three nodes that share Redis."""
    async with AsyncExitStack() as stack:
        yield tuple(
            [
                await stack.enter_async_context(
                    running_node(redis_server, channels, broadcaster, clock)
                )
                for _ in range(3)
            ]
        )


def states(broadcaster: RecordingBroadcaster, user_id: UserId) -> list[bool]:
    """Return the presence of the user that `general` received, in the order of the events."""
    changes = [each.payload for each in broadcaster.published]
    return [
        each.online
        for each in changes
        if isinstance(each, PresenceChange)
        and (each.user_id, each.channel_id) == (user_id, GENERAL)
    ]


@pytest.mark.parametrize("seed", range(6))
async def test_events_alternate_and_end_with_the_current_state_when_sockets_change_on_all_nodes(
    nodes: tuple[Node, ...], broadcaster: RecordingBroadcaster, clock: ManualClock, seed: int
) -> None:
    """Each change is published once, even if several nodes decide at the same moment."""
    random = Random(seed)  # noqa: S311 - no secret
    sockets: dict[UserId, list[Node]] = {BOB: [], CAROL: []}

    for _ in range(150):
        user_id = random.choice((BOB, CAROL))
        node = random.choice(nodes)
        if sockets[user_id] and random.random() < 0.55:
            leaving = sockets[user_id].pop(random.randrange(len(sockets[user_id])))
            leaving.quota.release(user_id)
        else:
            sockets[user_id].append(node)
            await node.connect(user_id)
        if random.random() < 0.3:
            clock.advance(random.choice((0.1, 1.0, OFFLINE_DELAY_SECONDS)))
        for _ in range(random.randrange(4)):
            await asyncio.sleep(0)
        if random.random() < 0.1:
            await asyncio.sleep(random.random() / 100)
    clock.advance(OFFLINE_DELAY_SECONDS)

    for user_id, left in sockets.items():
        is_online = bool(left)
        await until(lambda: is_online == (states(broadcaster, user_id)[-1:] == [True]))  # noqa: B023
        seen = states(broadcaster, user_id)
        assert [index % 2 == 0 for index in range(len(seen))] == seen


async def test_offline_is_published_once_when_the_last_sockets_leave_all_nodes_at_once(
    nodes: tuple[Node, ...], broadcaster: RecordingBroadcaster, clock: ManualClock
) -> None:
    for node in nodes:
        await node.connect(CAROL)
    await until(lambda: [True] == states(broadcaster, CAROL))

    for node in nodes:
        node.quota.release(CAROL)
    clock.advance(OFFLINE_DELAY_SECONDS)
    await until(lambda: [True, False] == states(broadcaster, CAROL))
    await nodes[0].connect(BOB)
    await until(lambda: [True] == states(broadcaster, BOB))

    assert [True, False] == states(broadcaster, CAROL)


async def test_survivors_publish_once_when_a_node_has_stopped(
    nodes: tuple[Node, ...],
    broadcaster: RecordingBroadcaster,
    redis_server: RedisServer,
    clock: ManualClock,
) -> None:
    """Carol goes offline. Bob stays online, because he has a socket on a survivor."""
    crashed, survivor, _ = nodes
    await crashed.connect(CAROL)
    await crashed.connect(BOB)
    await survivor.connect(BOB)
    await until(lambda: [True] == states(broadcaster, CAROL) == states(broadcaster, BOB))
    await until(lambda: ["1", "1"] == redis_server.client.hvals("chatgenius:presence"))

    await crashed.presence.on_module_destroy()
    await crashed.quota.before_application_shutdown(None)

    def sweep() -> bool:
        clock.advance(SWEEP_SECONDS)
        return [True, False] == states(broadcaster, CAROL)

    await until(sweep)
    assert [True] == states(broadcaster, BOB)
