"""Tests of the classic adapter (classic_adapter.py) with ``@socket.io/redis-emitter``."""

import asyncio

import pytest

from tests.cluster.conftest import Cluster
from tests.deadlines import ANSWER_SECONDS
from tests.e2e.js_client import JsClient

pytestmark = pytest.mark.parametrize("servers", ["classic"], indirect=True)


async def pair(cluster: Cluster, *rooms: str) -> tuple[JsClient, JsClient]:
    """Connect one client that joins these rooms, and one that joins none."""
    return (
        await cluster.client("member", cluster.first.url, *rooms),
        await cluster.client("outsider", cluster.first.url),
    )


async def emit(cluster: Cluster, command: str, **selection: object) -> None:
    """Let the emitter send a command."""
    await cluster.node.ask(command, emitter=True, **selection)


async def test_event_reaches_the_room_when_the_emitter_sends_it(cluster: Cluster) -> None:
    member, outsider = await pair(cluster, "team")

    await emit(cluster, "emit", rooms=["team"], event="hello", args=[{"n": 1}, "two"])
    await emit(cluster, "emit", rooms=["team", "other"], event="both", args=[])
    await emit(cluster, "emit", **{"except": ["team"]}, event="others", args=[])
    await emit(cluster, "emit", event="end", args=[])

    for client in (member, outsider):
        await client.sees("end")
    assert ["hello", "both", "end"] == member.events[-3:]
    assert "others" == outsider.events[-2]
    assert [[{"n": 1}, "two"]] == [each.args for each in member.log if each.event == "hello"]


async def test_date_arrives_as_in_json_when_the_emitter_sends_it(cluster: Cluster) -> None:
    member, _ = await pair(cluster)

    await emit(cluster, "emitDate", event="hello", at="2026-01-02T03:04:05.678Z")
    await emit(cluster, "emitBytes", event="sound", text="abc")

    assert {"at": "2026-01-02T03:04:05.678Z"} == await member.sees("hello")
    assert {"type": "Buffer", "data": [97, 98, 99]} == await member.sees("sound")


async def test_volatile_event_and_namespace_are_respected_when_the_emitter_sends(
    cluster: Cluster,
) -> None:
    member, _ = await pair(cluster)
    admin = await cluster.client("admin", cluster.second.url, namespace="/admin")

    await emit(cluster, "emitVolatile", namespace="/admin", event="position", args=[1])
    await emit(cluster, "emit", event="end", args=[])

    assert 1 == await admin.sees("position")
    await member.sees("end")
    assert "position" not in member.events


async def test_rooms_change_when_the_emitter_says_so(cluster: Cluster) -> None:
    member, outsider = await pair(cluster, "team")

    await emit(cluster, "socketsJoin", rooms=["team"], joined=["news", "more"])
    await emit(cluster, "socketsLeave", rooms=["team"], left="more")
    # Redis delivers the messages of one connection in order.
    await emit(cluster, "emit", rooms=["news"], event="in", args=[])
    await emit(cluster, "emit", rooms=["more"], event="out", args=[])
    await emit(cluster, "emit", event="end", args=[])

    for client in (member, outsider):
        await client.sees("end")
    assert [1, 0] == [member.events.count("in"), member.events.count("out")]
    assert [0, 0] == [outsider.events.count("in"), outsider.events.count("out")]


async def test_sockets_are_disconnected_when_the_emitter_says_so(cluster: Cluster) -> None:
    member, outsider = await pair(cluster, "team")

    await emit(cluster, "disconnectSockets", rooms=["team"])

    assert "io server disconnect" == await member.sees("disconnect")
    assert "joined" == await outsider.ask("join", "x")


async def test_listeners_are_called_when_the_emitter_emits_to_the_server_side(
    cluster: Cluster,
) -> None:
    await emit(cluster, "serverSideEmit", event="news", args=["from the emitter"])

    async with asyncio.timeout(ANSWER_SECONDS):
        for node in (cluster.first, cluster.second):
            assert ("from the emitter",) == await node.gateway.news.get()


async def test_rooms_of_all_nodes_are_listed_when_node_asks(cluster: Cluster) -> None:
    """The adapter's method ``allRooms`` asks all nodes."""
    member, _ = await pair(cluster, "team")
    assert "joined" == await member.ask("join", "staff")

    rooms = await cluster.node.ask("allRooms")

    assert {"team", "staff"} < set(rooms)
