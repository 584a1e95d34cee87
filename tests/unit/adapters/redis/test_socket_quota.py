import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable

import pytest

from app.adapters.redis.connection import RedisConnection
from app.adapters.redis.socket_count_writer import HEARTBEAT_SECONDS, REWRITE_SECONDS, USERS_AT_ONCE
from app.adapters.redis.socket_quota import RedisSocketQuota
from app.domain.ids import UserId
from tests.deadlines import ANSWER_SECONDS
from tests.doubles.manual_clock import ManualClock
from tests.redis_server import RedisServer
from tests.until import until

ALICE = UserId("user_alice")
ALICES_KEY = "chatgenius:sockets:user:user_alice"
MAX_SOCKETS = 3

Nodes = Callable[[RedisConnection], Awaitable[RedisSocketQuota]]


@pytest.fixture
def clock() -> ManualClock:
    """A clock that triggers heartbeats when a test advances it."""
    return ManualClock()


@pytest.fixture
async def start_node(clock: ManualClock) -> AsyncIterator[Nodes]:
    """A function that starts a node. All nodes are stopped after the test."""
    nodes: list[RedisSocketQuota] = []

    async def start(connection: RedisConnection) -> RedisSocketQuota:
        node = RedisSocketQuota(connection, MAX_SOCKETS, clock)
        await node.on_module_init()
        nodes.append(node)
        return node

    yield start
    for node in nodes:
        await node.before_application_shutdown(None)


def written(server: RedisServer) -> list[int]:
    """Return the numbers of Alice's sockets that Redis contains, sorted."""
    return sorted(int(count) for count in server.client.hgetall(ALICES_KEY).values())


async def test_sockets_are_counted_over_all_nodes(
    connection: RedisConnection, start_node: Nodes
) -> None:
    """A user cannot avoid the limit by connecting to another node."""
    one, other = await start_node(connection), await start_node(connection)

    taken = [await node.acquire(ALICE) for node in (one, other, one, other, one)]

    assert [True, True, True, False, False] == taken


async def test_a_socket_can_be_taken_elsewhere_when_it_was_released(
    connection: RedisConnection, start_node: Nodes, redis_server: RedisServer
) -> None:
    """A released socket soon stops counting on other nodes.

    When all sockets of a user are released, the user's key is deleted from Redis.
    """
    one, other = await start_node(connection), await start_node(connection)
    for _ in range(MAX_SOCKETS):
        await one.acquire(ALICE)

    one.release(ALICE)
    await until(lambda: [2] == written(redis_server))
    taken = [await other.acquire(ALICE) for _ in range(2)]
    for node in (one, one, other):
        node.release(ALICE)
    await until(lambda: [] == written(redis_server))

    assert [True, False] == taken
    assert not redis_server.client.exists(ALICES_KEY)


async def test_a_nodes_sockets_count_no_more_when_its_heart_has_stopped(
    connection: RedisConnection, start_node: Nodes, redis_server: RedisServer
) -> None:
    """The counts of a killed node become invalid, and are removed."""
    killed, other = await start_node(connection), await start_node(connection)
    for _ in range(MAX_SOCKETS):
        await killed.acquire(ALICE)
    refused = await other.acquire(ALICE)

    redis_server.client.delete(f"chatgenius:sockets:node:{killed.writer.node_id}")
    taken = await other.acquire(ALICE)

    assert (False, True) == (refused, taken)
    assert [1] == written(redis_server)


async def test_a_node_stays_alive_when_its_heart_beats(
    connection: RedisConnection, start_node: Nodes, redis_server: RedisServer, clock: ManualClock
) -> None:
    """Heartbeats extend the TTL of the node's key."""
    node = await start_node(connection)
    key = f"chatgenius:sockets:node:{node.writer.node_id}"

    for _ in range(5):
        redis_server.let_pass(HEARTBEAT_SECONDS)
        clock.advance(HEARTBEAT_SECONDS)
        await until(lambda: redis_server.client.pttl(key) > 29_000)

    assert redis_server.client.exists(key)


async def test_counts_are_written_anew_when_redis_has_lost_everything(
    connection: RedisConnection, start_node: Nodes, redis_server: RedisServer, clock: ManualClock
) -> None:
    """After a FLUSHALL, the next heartbeat writes all counts again."""
    node = await start_node(connection)
    await node.acquire(ALICE)
    await node.acquire(ALICE)

    redis_server.client.flushall()
    clock.advance(HEARTBEAT_SECONDS)

    await until(lambda: [2] == written(redis_server))


async def test_counts_are_written_anew_when_they_would_be_forgotten(
    connection: RedisConnection, start_node: Nodes, redis_server: RedisServer, clock: ManualClock
) -> None:
    """The node writes its counts again before they expire."""
    node = await start_node(connection)
    await node.acquire(ALICE)
    redis_server.client.expire(ALICES_KEY, 1_000)

    clock.advance(REWRITE_SECONDS)

    await until(lambda: redis_server.client.ttl(ALICES_KEY) > 86_000)


async def test_many_users_are_written_when_all_leave_at_once(
    connection: RedisConnection, start_node: Nodes, redis_server: RedisServer
) -> None:
    """All users are written, even if they need several calls."""
    node = await start_node(connection)
    users = [UserId(f"user_{number}") for number in range(2 * USERS_AT_ONCE + 10)]
    for user_id in users:
        await node.acquire(user_id)
        await node.acquire(user_id)

    for user_id in users:
        node.release(user_id)

    def counts() -> list[object]:
        keys = redis_server.client.scan_iter("chatgenius:sockets:user:*")
        return [count for key in keys for count in redis_server.client.hvals(key)]

    await until(lambda: ["1"] * len(users) == counts())


async def test_counts_are_invalid_when_the_node_was_shut_down(
    connection: RedisConnection,
    start_node: Nodes,
    redis_server: RedisServer,
    clock: ManualClock,
) -> None:
    """Releasing a socket after the shutdown changes nothing in Redis.

    The id of the node remains, so another node can publish that the users are offline.
    """
    node = RedisSocketQuota(connection, MAX_SOCKETS, clock)
    await node.on_module_init()
    for _ in range(MAX_SOCKETS):
        await node.acquire(ALICE)

    await node.before_application_shutdown(None)
    node.release(ALICE)
    other = await start_node(connection)
    nodes = redis_server.client.smembers("chatgenius:sockets:nodes")
    taken = [await other.acquire(ALICE) for _ in range(MAX_SOCKETS + 1)]

    assert {node.writer.node_id, other.writer.node_id} == nodes
    assert [True] * MAX_SOCKETS + [False] == taken
    assert [MAX_SOCKETS] == written(redis_server)


async def test_a_cancelled_take_has_taken_nothing(
    connection: RedisConnection, start_node: Nodes, redis_server: RedisServer
) -> None:
    """Redis contains the correct count, at whatever moment the call is cancelled."""
    node = await start_node(connection)

    for turns in range(12):
        taking = asyncio.create_task(node.acquire(ALICE))
        for _ in range(turns):
            await asyncio.sleep(0)
        taking.cancel()
        await asyncio.wait([taking])
        if not taking.cancelled():
            node.release(ALICE)

    await until(lambda: [] == written(redis_server))
    assert [True] * MAX_SOCKETS == [await node.acquire(ALICE) for _ in range(MAX_SOCKETS)]


async def test_redis_holds_what_the_node_counts_when_many_come_and_go_at_once(
    connection: RedisConnection, start_node: Nodes, redis_server: RedisServer
) -> None:
    """Concurrent writes may arrive in the wrong order; the node corrects the counts afterwards."""
    node = await start_node(connection)

    for _ in range(20):
        taken = await asyncio.gather(*(node.acquire(ALICE) for _ in range(MAX_SOCKETS + 2)))
        for _ in range(sum(taken) - 1):
            node.release(ALICE)
        assert [True, True] == await asyncio.gather(*(node.acquire(ALICE) for _ in range(2)))
        for _ in range(MAX_SOCKETS - 1):
            node.release(ALICE)
        await until(lambda: [1] == written(redis_server))
        node.release(ALICE)

    await until(lambda: [] == written(redis_server))


async def test_the_node_counts_alone_when_redis_is_not_there_and_tells_when_it_is(
    own_server: RedisServer, own_connection: RedisConnection, start_node: Nodes
) -> None:
    """During an outage of Redis, a node limits only its own sockets.

    After the outage, the node writes its counts.
    """
    node, other = await start_node(own_connection), await start_node(own_connection)
    await other.acquire(ALICE)

    await asyncio.to_thread(own_server.stop)
    taken = [await node.acquire(ALICE) for _ in range(MAX_SOCKETS + 1)]
    other.release(ALICE)
    await asyncio.to_thread(own_server.start_again)

    assert [True] * MAX_SOCKETS + [False] == taken
    await until(lambda: [MAX_SOCKETS] == written(own_server))
    assert not await other.acquire(ALICE)


async def test_nobody_is_counted_twice_when_redis_was_frozen(
    own_server: RedisServer, own_connection: RedisConnection, start_node: Nodes
) -> None:
    """The node registers with a new id, and the counts under its old id become invalid."""
    node = await start_node(own_connection)
    await node.acquire(ALICE)
    old_name = node.writer.node_id
    reconnected = asyncio.Event()
    own_connection.on_reconnected(reconnected.set)

    with own_server.frozen():
        await node.acquire(ALICE)
    await until(lambda: node.writer.node_id != old_name and reconnected.is_set())
    other = await start_node(own_connection)
    await until(lambda: 2 in written(own_server))

    assert [True, False] == [await other.acquire(ALICE), await other.acquire(ALICE)]
    assert [1, 2] == written(own_server)


async def test_shutting_down_ends_when_redis_is_frozen(
    own_server: RedisServer, own_connection: RedisConnection, clock: ManualClock
) -> None:
    """The shutdown takes at most the timeout of one call."""
    node = RedisSocketQuota(own_connection, MAX_SOCKETS, clock)
    await node.on_module_init()
    await node.acquire(ALICE)

    with own_server.frozen():
        async with asyncio.timeout(ANSWER_SECONDS):
            await node.before_application_shutdown(None)
