"""Tests of servers that share a Redis Cluster (app/framework/redis_adapter)."""

import asyncio
from contextlib import AsyncExitStack

import pytest

from tests.cluster.conftest import Cluster, Mode, PythonNode, start, until_received
from tests.cluster.node_server import NodeServer
from tests.deadlines import ANSWER_SECONDS
from tests.e2e.js_client import JsClient, JsDriver
from tests.redis_cluster import RedisCluster
from tests.until import until

ROOMS = [f"room-{number}" for number in range(12)]


def channel_of(room: str) -> str:
    return f"socket.io#/#{room}#"


async def pair(
    stack: AsyncExitStack, redis: RedisCluster, driver: JsDriver, mode: Mode
) -> tuple[PythonNode, PythonNode, JsClient]:
    """Return two nodes, and a client of the second node that is in all rooms."""
    first, second = [await start(stack, redis.url, mode) for _ in range(2)]
    bob = driver.connect(second.url, "bob", {"name": "bob"})
    stack.callback(bob.disconnect)
    for room in ROOMS:
        assert "joined" == await bob.ask("join", room)
    return first, second, bob


@pytest.mark.parametrize("mode", ["dynamic", "static", "classic"])
async def test_events_reach_other_nodes_when_rooms_are_on_different_masters(
    stack: AsyncExitStack, redis_cluster: RedisCluster, driver: JsDriver, mode: Mode
) -> None:
    """Each event arrives once, and all nodes answer requests."""
    assert 3 == len({redis_cluster.master_of(channel_of(room)).port for room in ROOMS})
    first, _, bob = await pair(stack, redis_cluster, driver, mode)
    server = first.gateway.server

    sockets = await server.fetch_sockets()
    for room in ROOMS:
        server.to(room).emit(f"to {room}")
    server.to(ROOMS[0]).to(ROOMS[1]).emit("to two")
    server.emit("to all")

    assert [{"name": "bob"}] == [each.data for each in sockets]
    for event in (*(f"to {room}" for room in ROOMS), "to two", "to all"):
        await bob.sees(event)
        assert 1 == bob.events.count(event)
    assert {} == first.cluster.bus.dropped


async def test_node_in_python_and_in_node_js_reach_each_other_in_a_redis_cluster(
    stack: AsyncExitStack, redis_cluster: RedisCluster, driver: JsDriver
) -> None:
    """Node.js uses ``createCluster`` of the package ``redis``."""
    node = NodeServer(redis_cluster.url, "dynamic")
    await node.start()
    stack.push_async_callback(node.stop)
    first = await start(stack, redis_cluster.url, "dynamic")
    cluster = Cluster(first, first, node, driver)
    alice = await cluster.client("alice", first.url, *ROOMS)
    bob = await cluster.client("bob", await node.url(), *ROOMS)
    stack.callback(alice.disconnect)
    stack.callback(bob.disconnect)

    for room in ROOMS:
        first.gateway.server.to(room).emit(f"python {room}")
        await node.ask("emit", rooms=[room], event=f"node {room}", args=[])

    for client in (alice, bob):
        for room in ROOMS:
            await client.sees(f"python {room}")
            await client.sees(f"node {room}")


async def test_rooms_on_other_masters_work_when_a_master_is_stopped(
    stack: AsyncExitStack, own_redis_cluster: RedisCluster, driver: JsDriver
) -> None:
    """The rooms on the stopped master work again when its replica is the master.

    Nodes with the classic adapter connect to another server.
    """
    classic, _, carol = await pair(stack, own_redis_cluster, driver, "classic")
    first, _, bob = await pair(stack, own_redis_cluster, driver, "dynamic")
    stopped, master_of = own_redis_cluster.masters[0], own_redis_cluster.master_of
    others = [room for room in ROOMS if master_of(channel_of(room)) is not stopped]
    lost = next(room for room in ROOMS if room not in others)

    stopped.stop()
    await until(lambda: not first.cluster.bus.is_connected)
    for room in others:
        first.gateway.server.to(room).emit(f"to {room}")

    for room in others:
        await bob.sees(f"to {room}")
    await until_received(first, lost, "again", bob)
    await until_received(classic, lost, "again", carol)


async def test_events_arrive_when_the_slot_of_a_room_has_moved(
    stack: AsyncExitStack, redis_cluster: RedisCluster, driver: JsDriver
) -> None:
    """The sender drops no message. The receiver's callback reports a possible loss."""
    first, second, bob = await pair(stack, redis_cluster, driver, "dynamic")
    has_missed = asyncio.Event()
    second.cluster.when_connected(has_missed.set)

    redis_cluster.move_slot(channel_of(ROOMS[0]))
    first.gateway.server.to(ROOMS[0]).emit("moving")

    await until_received(first, ROOMS[0], "moved", bob)
    first.gateway.server.to(ROOMS[1]).emit("elsewhere")
    await bob.sees("elsewhere")
    async with asyncio.timeout(ANSWER_SECONDS):
        await has_missed.wait()
    assert {} == first.cluster.bus.dropped
