"""Tests of both adapters (app/framework/redis_adapter) next to a server in Node.js."""

import asyncio

import pytest

from app.framework import AckTimeoutError, Socket
from app.framework.websockets.socket_api.remote_socket import RemoteSocket
from tests.cluster.conftest import Cluster
from tests.deadlines import ANSWER_SECONDS
from tests.e2e.js_client import JsClient


async def everywhere(cluster: Cluster, *rooms: str) -> list[JsClient]:
    """Connect a client to each server; each joins these rooms."""
    urls = (cluster.first.url, cluster.second.url, await cluster.node.url())
    return [
        await cluster.client(name, url, *rooms)
        for name, url in zip(("first", "second", "node"), urls, strict=True)
    ]


async def test_an_event_reaches_the_room_on_all_nodes_when_python_emits(cluster: Cluster) -> None:
    clients = await everywhere(cluster, "team")
    outsider = await cluster.client("outsider", cluster.second.url)

    cluster.first.gateway.server.to("team").emit("hello", {"n": 1}, "two")
    cluster.first.gateway.server.emit("end")

    for client in (*clients, outsider):
        await client.sees("end")
    assert [1, 1, 1, 0] == [each.events.count("hello") for each in (*clients, outsider)]
    assert [[{"n": 1}, "two"]] * 3 == [
        sight.args for each in clients for sight in each.log if sight.event == "hello"
    ]


async def test_an_event_reaches_the_room_on_all_nodes_when_node_emits(cluster: Cluster) -> None:
    clients = await everywhere(cluster, "team")
    outsider = await cluster.client("outsider", cluster.second.url)

    await cluster.node.ask("emit", rooms=["team"], event="hello", args=[{"n": 1}])
    await cluster.node.ask("emit", event="end", args=[])

    for client in (*clients, outsider):
        await client.sees("end")
    assert [1, 1, 1, 0] == [each.events.count("hello") for each in (*clients, outsider)]


async def test_excluded_rooms_and_several_rooms_are_respected_when_they_are_on_other_nodes(
    cluster: Cluster,
) -> None:
    clients = await everywhere(cluster, "team")
    muted = await cluster.client("muted", await cluster.node.url(), "team", "muted")
    both = await cluster.client("both", cluster.second.url, "team", "staff")

    cluster.first.gateway.server.to("team", "staff").except_("muted").emit("hello")
    await cluster.node.ask("emit", event="end", args=[])
    cluster.first.gateway.server.emit("finish")

    everyone = (*clients, muted, both)
    for client in everyone:
        await client.sees("end")
        await client.sees("finish")
    assert [1, 1, 1, 0, 1] == [each.events.count("hello") for each in everyone]


async def test_a_volatile_event_arrives_when_the_client_of_another_node_reads(
    cluster: Cluster,
) -> None:
    """Node drops a volatile event while it writes to the client, so the event is repeated."""
    first, _, node = await everywhere(cluster)

    async with asyncio.timeout(ANSWER_SECONDS):
        while not ("position" in node.events and "position" in first.events):
            cluster.second.gateway.server.volatile.emit("position", 1)
            await asyncio.sleep(0.02)


async def test_bytes_arrive_when_they_cross_nodes(cluster: Cluster) -> None:
    first, _, node = await everywhere(cluster)

    cluster.first.gateway.server.emit("picture", b"\x00\xff")
    await cluster.node.ask("emitBytes", event="sound", text="abc")

    assert {"type": "Buffer", "data": [0, 255]} == await node.sees("picture")
    assert {"type": "Buffer", "data": [97, 98, 99]} == await first.sees("sound")


async def test_an_event_stays_on_its_node_when_it_is_local(cluster: Cluster) -> None:
    first, second, node = await everywhere(cluster)

    cluster.first.gateway.server.local.emit("hello")
    cluster.first.gateway.server.emit("end")

    for client in (first, second, node):
        await client.sees("end")
    assert [1, 0, 0] == [each.events.count("hello") for each in (first, second, node)]


async def test_a_namespace_is_separate_when_the_nodes_have_several(cluster: Cluster) -> None:
    await everywhere(cluster, "team")
    admin = await cluster.client("admin", await cluster.node.url(), "team", namespace="/admin")
    first = await cluster.client("first", cluster.first.url, "team", namespace="/admin")

    await cluster.node.ask("emit", namespace="/admin", rooms=["team"], event="hello", args=[])
    cluster.second.gateway.server.of("admin").to("team").emit("bye")

    for client in (admin, first):
        await client.sees("hello")
        await client.sees("bye")
    assert not any("hello" in each.events for each in cluster.clients[:3])


async def until_seen(cluster: Cluster, clients: list[JsClient], event: str, room: str) -> None:
    """Let Node emit an event until all clients have received it.

    Subscribing to the channel of a new room takes a moment, in which a node misses events.
    """
    async with asyncio.timeout(ANSWER_SECONDS):
        while not all(event in client.events for client in clients):
            await cluster.node.ask("emit", rooms=[room], event=event, args=[])
            await asyncio.sleep(0.02)


async def test_rooms_are_joined_and_left_when_another_node_says_so(cluster: Cluster) -> None:
    clients = await everywhere(cluster, "team")

    await cluster.first.gateway.server.in_("team").sockets_join("news", "more")
    await until_seen(cluster, clients, "one", "news")
    await until_seen(cluster, clients, "two", "more")
    await cluster.node.ask("socketsLeave", rooms=["team"], left="news")
    await cluster.node.ask("emit", rooms=["team"], event="left", args=[])
    for client in clients:
        await client.sees("left")
    await cluster.node.ask("emit", rooms=["news"], event="three", args=[])
    await cluster.node.ask("emit", rooms=["team"], event="end", args=[])

    for client in clients:
        await client.sees("end")
        assert "three" not in client.events


async def test_sockets_are_disconnected_when_another_node_says_so(cluster: Cluster) -> None:
    first, second, node = await everywhere(cluster)
    staying = await cluster.client("staying", cluster.first.url, "staff")

    await cluster.node.ask("disconnectSockets", **{"except": ["staff"]})

    for client in (first, second, node):
        assert "io server disconnect" == await client.sees("disconnect")
    assert "joined" == await staying.ask("join", "x")

    cluster.second.gateway.server.in_("staff").disconnect_sockets(close=True)
    assert "io server disconnect" == await staying.sees("disconnect")


async def test_sockets_of_all_nodes_are_fetched_when_python_asks(cluster: Cluster) -> None:
    await everywhere(cluster, "team")
    await cluster.client("outsider", cluster.second.url)

    sockets = await cluster.first.gateway.server.in_("team").fetch_sockets(ANSWER_SECONDS)

    assert ["first", "node", "second"] == sorted(each.data["name"] for each in sockets)
    assert 1 == sum(isinstance(each, Socket) for each in sockets)
    remote = next(each for each in sockets if each.data["name"] == "node")
    assert isinstance(remote, RemoteSocket)
    assert {remote.id, "team"} == remote.rooms
    assert "127.0.0.1" in remote.handshake.address
    await remote.join("found")
    remote.emit("you")
    await cluster.clients[2].sees("you")
    again = await cluster.second.gateway.server.in_("found").fetch_sockets(ANSWER_SECONDS)
    assert [remote.id] == [each.id for each in again]


async def test_sockets_of_all_nodes_are_fetched_when_node_asks(cluster: Cluster) -> None:
    """Tokens and cookies of clients are not sent to other nodes."""
    await everywhere(cluster, "team")

    sockets = await cluster.node.ask("fetchSockets", rooms=["team"])

    assert ["first", "node", "second"] == sorted(each["data"]["name"] for each in sockets)
    first = next(each for each in sockets if each["data"]["name"] == "first")
    assert {} == first["handshake"]["auth"]
    assert {first["id"], "team"} == set(first["rooms"])
    assert "host" in first["handshake"]["headers"]


async def test_acks_of_all_nodes_are_collected_when_either_side_asks(cluster: Cluster) -> None:
    await everywhere(cluster, "team")

    ours = await cluster.first.gateway.server.to("team").emit_with_ack("ready", "yes")
    theirs = await cluster.node.ask(
        "emitWithAck", rooms=["team"], event="ready", args=["yes"], ms=30_000
    )

    assert ["yes"] * 3 == ours == theirs


async def test_the_acks_so_far_are_returned_when_a_client_of_another_node_is_silent(
    cluster: Cluster,
) -> None:
    await everywhere(cluster, "team")
    await cluster.client("silent", await cluster.node.url(), "quiet")

    with pytest.raises(AckTimeoutError) as error:
        await cluster.first.gateway.server.to("quiet").emit_with_ack(
            "unanswered", "x", timeout_seconds=0.3
        )

    assert [] == error.value.responses


async def test_servers_call_each_other_when_they_emit_to_the_server_side(
    cluster: Cluster,
) -> None:
    cluster.first.gateway.server.server_side_emit("news", 1, {"two": 2})
    await cluster.node.ask("serverSideEmit", event="news", args=["from Node"])

    async with asyncio.timeout(ANSWER_SECONDS):
        assert [1, {"two": 2}] == await cluster.node.news.get()
        second = [await cluster.second.gateway.news.get() for _ in range(2)]
        assert ("from Node",) == await cluster.first.gateway.news.get()
    assert {"(1, {'two': 2})", "('from Node',)"} == set(map(str, second))


async def test_answers_of_all_servers_are_collected_when_one_asks(cluster: Cluster) -> None:
    ours = await cluster.first.gateway.server.server_side_emit_with_ack("question", "hi")
    theirs = await cluster.node.ask("serverSideEmitWithAck", event="question", args=["hi"])

    assert ["hi from Node", "hi from Python"] == sorted(ours)
    assert ["hi from Python"] * 2 == theirs
