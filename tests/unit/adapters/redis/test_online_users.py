import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import NamedTuple

import pytest

from app.adapters.redis.connection import RedisConnection
from app.adapters.redis.online_users import RedisOnlineUsers
from app.adapters.redis.socket_count_writer import ALIVE_SECONDS, HEARTBEAT_SECONDS
from app.adapters.redis.socket_quota import RedisSocketQuota
from app.domain.errors import Unavailable
from app.domain.ids import UserId
from tests.doubles.manual_clock import ManualClock
from tests.redis_server import RedisServer
from tests.until import until

ALICE, BOB = UserId("user_alice"), UserId("user_bob")
PRESENCE = "chatgenius:presence"
NODES = "chatgenius:sockets:nodes"


class Node(NamedTuple):
    """A node, and the quota that counts its sockets."""

    quota: RedisSocketQuota
    online_users: RedisOnlineUsers

    async def connect(self, *user_ids: UserId) -> None:
        for user_id in user_ids:
            assert await self.quota.acquire(user_id)

    async def settle(self, *user_ids: UserId) -> dict[UserId, bool]:
        return dict(await self.online_users.settle(user_ids))

    async def abandoned(self) -> list[UserId]:
        return [each async for batch in self.online_users.abandoned() for each in batch]


StartNode = Callable[[RedisConnection], Awaitable[Node]]


@pytest.fixture
def clock() -> ManualClock:
    """A clock that triggers heartbeats when a test advances it."""
    return ManualClock()


@pytest.fixture
async def start_node(clock: ManualClock) -> AsyncIterator[StartNode]:
    """A function that starts a node. All nodes are stopped after the test."""
    nodes: list[Node] = []

    async def start(connection: RedisConnection) -> Node:
        quota = RedisSocketQuota(connection, 10, clock)
        await quota.on_module_init()
        nodes.append(Node(quota, RedisOnlineUsers(connection, quota)))
        return nodes[-1]

    yield start
    for node in nodes:
        await node.quota.before_application_shutdown(None)


def crash(node: Node, server: RedisServer) -> None:
    """Delete the node's heartbeat key, as if the node had crashed half a minute ago."""
    server.client.delete(f"chatgenius:sockets:node:{node.quota.writer.node_id}")


async def test_sockets_of_all_nodes_are_counted_when_a_change_is_decided(
    connection: RedisConnection, start_node: StartNode
) -> None:
    """Only the first socket and the last one change the user's presence."""
    one, other = await start_node(connection), await start_node(connection)

    await one.connect(ALICE)
    changes = [await one.settle(ALICE), await one.settle(ALICE)]
    await other.connect(ALICE)
    changes.append(await other.settle(ALICE))
    one.quota.release(ALICE)
    changes.append(await one.settle(ALICE))
    other.quota.release(ALICE)
    changes += [await other.settle(ALICE), await other.settle(ALICE)]

    assert [{ALICE: True}, {}, {}, {}, {ALICE: False}, {}] == changes


async def test_one_node_publishes_when_the_last_sockets_leave_both_nodes_at_once(
    connection: RedisConnection, start_node: StartNode
) -> None:
    """It does not matter which node writes its new count first."""
    nodes = [await start_node(connection) for _ in range(2)]
    for _ in range(20):
        for node in nodes:
            await node.connect(ALICE)
        came = await asyncio.gather(*(node.settle(ALICE) for node in nodes))
        await asyncio.gather(*(node.settle(ALICE) for node in nodes))
        for node in nodes:
            node.quota.release(ALICE)
        left = await asyncio.gather(*(node.settle(ALICE) for node in nodes))
        await asyncio.gather(*(node.settle(ALICE) for node in nodes))

        assert [{}, {ALICE: True}] == sorted(came, key=len)
        assert [{}, {ALICE: False}] == sorted(left, key=len)


async def test_other_node_waits_when_a_change_is_being_published(
    connection: RedisConnection, start_node: StartNode
) -> None:
    """If both nodes published at once, clients could receive the changes in the wrong order."""
    one, other = await start_node(connection), await start_node(connection)
    await one.connect(ALICE)
    await one.settle(ALICE)
    await one.settle(ALICE)
    one.quota.release(ALICE)
    leaving = await one.settle(ALICE)  # `one` publishes this now

    await other.connect(ALICE)
    meanwhile = await other.settle(ALICE)
    afterwards = await one.settle(ALICE)

    assert ({ALICE: False}, {}, {ALICE: True}) == (leaving, meanwhile, afterwards)


async def test_change_is_published_again_when_its_publisher_has_crashed(
    connection: RedisConnection, start_node: StartNode, redis_server: RedisServer
) -> None:
    """The crashed node may not have published the change."""
    crashed, other = await start_node(connection), await start_node(connection)
    await crashed.connect(ALICE)
    await crashed.settle(ALICE)
    await other.connect(ALICE)

    crash(crashed, redis_server)
    changes = [await other.settle(ALICE), await other.settle(ALICE)]

    assert [{ALICE: True}, {}] == changes


async def test_users_of_a_crashed_node_go_offline_when_another_node_sweeps_twice(
    connection: RedisConnection, start_node: StartNode, redis_server: RedisServer
) -> None:
    """Bob has a socket on the other node, so he stays online. The crashed node's id is deleted."""
    crashed, other = await start_node(connection), await start_node(connection)
    await crashed.connect(ALICE, BOB)
    await other.connect(BOB)
    for _ in range(2):
        await crashed.settle(ALICE, BOB)

    crash(crashed, redis_server)
    first_look = await other.abandoned()
    online = await other.online_users.among([ALICE, BOB])
    second_look = await other.abandoned()
    changes = await other.settle(*second_look)
    third_look = await other.abandoned()

    assert [] == first_look == third_look
    assert {ALICE, BOB} == online == set(second_look)
    assert {ALICE: False} == changes
    assert {other.quota.writer.node_id} == redis_server.client.smembers(NODES)


async def test_users_of_a_closed_node_are_left_to_another_node(
    connection: RedisConnection, start_node: StartNode
) -> None:
    """In a rolling restart, the users have time to connect to another node."""
    closed, other = await start_node(connection), await start_node(connection)
    await closed.connect(ALICE, BOB)
    for _ in range(2):
        await closed.settle(ALICE, BOB)

    await closed.quota.before_application_shutdown(None)
    await other.abandoned()
    await other.connect(BOB)
    back = await other.settle(BOB)
    changes = await other.settle(*await other.abandoned())

    assert ({}, {ALICE: False}) == (back, changes)


async def test_users_of_a_node_that_has_just_stopped_stay_when_another_node_is_swept(
    connection: RedisConnection, start_node: StartNode
) -> None:
    """In a rolling restart, the next node stops before the users of the previous one are swept."""
    first, second, other = [await start_node(connection) for _ in range(3)]
    await first.connect(ALICE)
    await second.connect(BOB)
    for node, user_id in ((first, ALICE), (second, BOB)) * 2:
        await node.settle(user_id)
    sweeps = []

    for stopping in (first, second, None):
        if stopping is not None:
            await stopping.quota.before_application_shutdown(None)
        sweeps.append(await other.settle(*await other.abandoned()))

    assert [{}, {ALICE: False}, {BOB: False}] == sweeps


async def test_users_are_swept_by_one_node_when_two_nodes_sweep(
    connection: RedisConnection, start_node: StartNode, redis_server: RedisServer
) -> None:
    """The second node gets the users if the first one does not finish in time."""
    crashed, one, other = [await start_node(connection) for _ in range(3)]
    await crashed.connect(ALICE)
    await crashed.settle(ALICE)
    crash(crashed, redis_server)
    for node in (one, other):
        await node.abandoned()

    sweep = one.online_users.abandoned()
    batch = await anext(sweep)
    meanwhile = await other.abandoned()
    redis_server.let_pass(60)
    for node in (one, other):  # `let_pass` has expired their keys, too
        node.quota.writer.send_heartbeat()
    names = {node.quota.writer.node_id for node in (one, other)}
    await until(
        lambda: all(redis_server.client.exists(f"chatgenius:sockets:node:{n}") for n in names)
    )
    taken_over = await other.abandoned()

    assert ([ALICE], [], [ALICE]) == (list(batch), meanwhile, taken_over)


async def test_all_users_are_swept_when_there_are_many(
    connection: RedisConnection, start_node: StartNode, redis_server: RedisServer
) -> None:
    """The batches are small, and contain each user at least once."""
    crashed, other = await start_node(connection), await start_node(connection)
    users = [UserId(f"user_{number}") for number in range(1_000)]
    await crashed.connect(*users)
    for start in range(0, len(users), 250):
        for _ in range(2):
            await crashed.settle(*users[start : start + 250])
    crash(crashed, redis_server)
    await other.abandoned()

    gone: set[UserId] = set()
    async for batch in other.online_users.abandoned():
        assert len(batch) <= 256
        gone |= {user_id for user_id, online in (await other.settle(*batch)).items() if not online}

    assert set(users) == gone
    for user_id in users[:10]:
        assert {} == await other.settle(user_id)


async def test_nothing_is_left_of_a_user_who_is_offline(
    connection: RedisConnection, start_node: StartNode, redis_server: RedisServer
) -> None:
    node = await start_node(connection)
    await node.connect(ALICE)
    await node.settle(ALICE)
    await node.settle(ALICE)
    node.quota.release(ALICE)
    await node.settle(ALICE)
    await node.settle(ALICE)

    await until(lambda: not redis_server.client.exists("chatgenius:sockets:user:user_alice"))
    assert not redis_server.client.exists(PRESENCE)


async def test_nothing_is_written_when_nothing_has_changed(
    connection: RedisConnection, start_node: StartNode, redis_server: RedisServer
) -> None:
    """A sweep also settles unchanged users, and Redis would replicate each write."""
    node = await start_node(connection)
    await node.connect(ALICE)
    for _ in range(2):
        await node.settle(ALICE, BOB)
    before = redis_server.client.info("persistence")["rdb_changes_since_last_save"]

    await node.settle(ALICE, BOB)

    assert before == redis_server.client.info("persistence")["rdb_changes_since_last_save"]


async def test_listener_gets_the_nodes_users_when_redis_has_lost_everything(
    connection: RedisConnection,
    start_node: StartNode,
    redis_server: RedisServer,
) -> None:
    """After a FLUSHALL, `settle` fails until the node has written its own key again."""
    node = await start_node(connection)
    await node.connect(ALICE)
    await node.settle(ALICE)
    reset: list[set[UserId]] = []
    node.online_users.listen(lambda _: None, lambda users: reset.append(set(users)))

    redis_server.client.flushall()
    with pytest.raises(Unavailable):
        await node.settle(ALICE)
    await until(lambda: bool(reset))

    assert [{ALICE}] == reset
    assert {ALICE: True} == await node.settle(ALICE)
    assert {node.quota.writer.node_id} == redis_server.client.smembers(NODES)


async def test_users_who_left_during_an_outage_are_abandoned_when_redis_is_back(
    own_server: RedisServer, own_connection: RedisConnection, start_node: StartNode
) -> None:
    """The node registers with a new id, and its old id triggers the sweep."""
    node = await start_node(own_connection)
    await node.connect(ALICE, BOB)
    for _ in range(2):
        await node.settle(ALICE, BOB)
    reset: list[set[UserId]] = []
    node.online_users.listen(lambda _: None, lambda users: reset.append(set(users)))

    with own_server.frozen():
        with pytest.raises(Unavailable):
            await node.settle(ALICE)
        with pytest.raises(Unavailable):
            await node.online_users.among([ALICE])
        node.quota.release(ALICE)
    await until(lambda: bool(reset))
    await node.abandoned()
    changes = await node.settle(*await node.abandoned())

    assert [{BOB}] == reset
    assert {ALICE: False} == changes


async def test_users_stay_online_when_their_node_sends_heartbeats(
    connection: RedisConnection,
    start_node: StartNode,
    redis_server: RedisServer,
    clock: ManualClock,
) -> None:
    """A sweep skips nodes that send heartbeats, however long their users stay."""
    node, other = await start_node(connection), await start_node(connection)
    await node.connect(ALICE)
    await node.settle(ALICE)
    keys = [f"chatgenius:sockets:node:{each.quota.writer.node_id}" for each in (node, other)]

    for _ in range(2 * ALIVE_SECONDS // int(HEARTBEAT_SECONDS)):
        redis_server.let_pass(HEARTBEAT_SECONDS)
        clock.advance(HEARTBEAT_SECONDS)
        await until(lambda: all(redis_server.client.pttl(key) > 29_000 for key in keys))
        assert [] == await other.abandoned()


async def test_users_of_a_node_go_offline_when_it_crashes_after_it_came_back_during_a_sweep(
    connection: RedisConnection,
    start_node: StartNode,
    redis_server: RedisServer,
    clock: ManualClock,
) -> None:
    """The node was cut off from Redis so long that others were settling its users."""
    partitioned, other = await start_node(connection), await start_node(connection)
    await partitioned.connect(ALICE)
    for _ in range(2):
        await partitioned.settle(ALICE)
    crash(partitioned, redis_server)
    await other.abandoned()

    sweep = other.online_users.abandoned()
    gone = await other.settle(*await anext(sweep))
    await other.settle(ALICE)
    clock.advance(HEARTBEAT_SECONDS)
    key = f"chatgenius:sockets:node:{partitioned.quota.writer.node_id}"
    await until(lambda: redis_server.client.exists(key) == 1)
    back = [await partitioned.settle(ALICE), await partitioned.settle(ALICE)]
    rest = [batch async for batch in sweep]
    looks = [await other.abandoned()]
    crash(partitioned, redis_server)
    looks.append(await other.abandoned())
    gone_again = await other.settle(*await other.abandoned())

    assert ({ALICE: False}, [{ALICE: True}, {}]) == (gone, back)
    assert ([], [[], []]) == (rest, looks)
    assert {ALICE: False} == gone_again


async def test_user_goes_offline_when_a_node_writes_its_last_count_late(
    connection: RedisConnection, start_node: StartNode, redis_server: RedisServer
) -> None:
    """`settle` returns nothing while another node is publishing, so that node settles again."""
    first, other = await start_node(connection), await start_node(connection)
    await first.connect(ALICE)
    await other.connect(ALICE)
    came = await other.settle(ALICE)  # `other` publishes this now
    sockets = "chatgenius:sockets:user:user_alice"
    for node in (first, other):
        node.quota.release(ALICE)
    await until(lambda: redis_server.client.exists(sockets) == 0)
    redis_server.client.hset(sockets, first.quota.writer.node_id, 1)  # as if not written yet

    meanwhile = await first.settle(ALICE)
    left = await other.settle(ALICE)

    assert ({ALICE: True}, {}, {ALICE: False}) == (came, meanwhile, left)


async def test_user_is_online_when_a_node_writes_its_first_count_late(
    connection: RedisConnection, start_node: StartNode, redis_server: RedisServer
) -> None:
    """`settle` returns nothing while another node is publishing, so that node settles again."""
    first, other = await start_node(connection), await start_node(connection)
    await other.connect(ALICE)
    for _ in range(2):
        await other.settle(ALICE)
    other.quota.release(ALICE)
    left = await other.settle(ALICE)  # `other` publishes this now
    sockets = "chatgenius:sockets:user:user_alice"
    await first.connect(ALICE)
    redis_server.client.delete(sockets)  # as if not written yet

    meanwhile = await first.settle(ALICE)
    back = await other.settle(ALICE)

    assert ({ALICE: False}, {}, {ALICE: True}) == (left, meanwhile, back)
