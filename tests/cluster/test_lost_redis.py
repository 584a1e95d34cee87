"""Tests of a cluster whose Redis server fails (app/framework/redis_adapter/redis_bus.py)."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack

import pytest
import pytest_asyncio

from tests.cluster.conftest import Cluster, Mode, PythonNode, start
from tests.cluster.node_server import NodeServer
from tests.deadlines import ANSWER_SECONDS
from tests.e2e.js_client import JsDriver
from tests.redis_server import RedisServer


@pytest_asyncio.fixture(loop_scope="session")
async def redis() -> AsyncIterator[RedisServer]:
    """A Redis server that a test may stop."""
    server = RedisServer()
    yield server
    server.stop()


@pytest_asyncio.fixture(loop_scope="session")
async def cluster(
    request: pytest.FixtureRequest, redis: RedisServer, driver: JsDriver
) -> AsyncIterator[Cluster]:
    """A cluster in the mode ``dynamic``, or in the mode that is the fixture's parameter."""
    mode: Mode = getattr(request, "param", "dynamic")
    async with AsyncExitStack() as stack:
        node = NodeServer(redis.url, mode)
        await node.start()
        stack.push_async_callback(node.stop)
        first, second = [await start(stack, redis.url, mode) for _ in range(2)]
        cluster = Cluster(first, second, node, driver)
        yield cluster
        for client in cluster.clients:
            client.disconnect()


async def until_connected(*nodes: PythonNode, connected: bool = True) -> None:
    """Wait until all nodes receive, or do not receive, messages of each other."""
    async with asyncio.timeout(ANSWER_SECONDS):
        for node in nodes:
            while connected is not node.cluster.bus.is_connected:  # noqa: ASYNC110 - no event
                await asyncio.sleep(0.02)


@pytest.mark.parametrize("cluster", ["dynamic", "classic"], indirect=True)
async def test_events_reach_other_nodes_again_when_redis_was_restarted(
    cluster: Cluster, redis: RedisServer
) -> None:
    """Meanwhile, events reach the sockets of their own node."""
    alice = await cluster.client("alice", cluster.first.url, "team")
    bob = await cluster.client("bob", cluster.second.url, "team")

    redis.stop()
    await until_connected(cluster.first, connected=False)
    cluster.first.gateway.server.to("team").emit("during")
    await alice.sees("during")
    assert "joined" == await bob.ask("join", "late")
    redis.start_again()
    await until_connected(cluster.first, cluster.second)
    cluster.first.gateway.server.to("team").emit("after")
    cluster.first.gateway.server.to("late").emit("too")

    await bob.sees("after")
    await bob.sees("too")
    assert 1 == alice.events.count("after") == bob.events.count("after")


async def test_events_reach_other_nodes_again_when_redis_was_frozen(
    cluster: Cluster, redis: RedisServer
) -> None:
    """The nodes notice that Redis does not answer pings."""
    bob = await cluster.client("bob", cluster.second.url, "team")

    with redis.frozen():
        await until_connected(cluster.second, connected=False)
    await until_connected(cluster.first, cluster.second)
    async with asyncio.timeout(ANSWER_SECONDS):
        while "after" not in bob.events:
            cluster.first.gateway.server.to("team").emit("after")
            await asyncio.sleep(0.1)


async def test_gateways_are_called_when_redis_is_back(cluster: Cluster, redis: RedisServer) -> None:
    """The callback lets a gateway read the events that it has missed."""
    returned = asyncio.Event()
    cluster.first.cluster.when_connected(returned.set)

    redis.stop()
    await until_connected(cluster.first, connected=False)
    with pytest.raises(ConnectionError):
        await cluster.first.cluster.confirm_subscriptions()
    assert not returned.is_set()
    redis.start_again()

    async with asyncio.timeout(ANSWER_SECONDS):
        await returned.wait()
    await cluster.first.cluster.confirm_subscriptions()


async def test_asking_other_nodes_fails_when_redis_is_stopped(
    cluster: Cluster, redis: RedisServer
) -> None:
    redis.stop()

    with pytest.raises(ConnectionError):
        await cluster.first.gateway.server.fetch_sockets()
    with pytest.raises(ConnectionError):
        await cluster.first.gateway.server.server_side_emit_with_ack("question", "hi")

    redis.start_again()


async def test_malformed_messages_are_dropped_when_anyone_publishes_them(
    cluster: Cluster, redis: RedisServer
) -> None:
    """The node counts them, and continues to receive."""
    alice = await cluster.client("alice", cluster.first.url, "team")
    begin = '{"uid":"x","nsp":"/","type":'
    for message in (
        b"",
        b"{",
        b"\x00\xff",
        b"[]",
        b'{"uid":1,"nsp":"/","type":3}',
        f"{begin}3}}".encode(),
        f'{begin}3,"data":{{"opts":{{"rooms":"team"}}}}}}'.encode(),
        f'{begin}3,"data":{{"opts":{{"rooms":[1],"except":[]}},"packet":{{}}}}}}'.encode(),
        f'{begin}3,"data":{{"opts":{{"rooms":[],"except":[]}},"packet":{{"type":2}}}}}}'.encode(),
        f'{begin}4,"data":{{"opts":{{"rooms":[],"except":[]}},"rooms":[null]}}}}'.encode(),
        f'{begin}9,"data":{{"packet":"x"}}}}'.encode(),
        f"{begin}99}}".encode(),
        b'{"uid":"x","nsp":"/","type":3,"data":' + b"[" * 5_000 + b"]" * 5_000 + b"}",
    ):
        redis.client.spublish("socket.io#/#", message)

    cluster.second.gateway.server.to("team").emit("after")

    await alice.sees("after")
    assert {"malformed": 12, "unknown_type": 1} == cluster.first.cluster.bus.dropped
