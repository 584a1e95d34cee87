"""Tests of the classic adapter without sockets (app/framework/redis_adapter/classic_adapter.py).

tests/cluster has tests with a server in Node.js.
"""

import asyncio
import json
from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Any

import pytest

from app.framework import AckTimeoutError, Socket
from app.framework.redis_adapter import RedisNodes, create_adapter
from app.framework.redis_adapter.channels import Channel
from app.framework.redis_adapter.payload import decode, pack
from app.framework.testing import RecordingLink, fake_socket
from app.framework.websockets.socket_api.cluster_adapter import ClusterAdapter, Selection
from tests.deadlines import ANSWER_SECONDS
from tests.redis_server import RedisServer

EVENTS, REQUESTS, RESPONSES = "socket.io#/#", "socket.io-request#/#", "socket.io-response#/#"
EVERYWHERE: dict[str, list[str]] = {"rooms": [], "except": []}


def event_of_other_node(event: str, namespace: str = "/") -> bytes:
    return pack(["x", {"type": 2, "data": [event], "nsp": namespace}, EVERYWHERE])


@dataclass(frozen=True, slots=True)
class Node:
    """A node with the option ``publish_on_specific_response_channel``; others are simulated."""

    link: RecordingLink
    cluster: RedisNodes
    adapter: ClusterAdapter
    redis: RedisServer

    def publish(self, channel: str, *payloads: Any) -> None:
        """Publish as another node does; bytes are not encoded."""
        for payload in payloads:
            raw = payload if isinstance(payload, bytes) else json.dumps(payload).encode()
            self.redis.client.publish(channel, raw)

    async def receives(self, *events: str) -> None:
        """Publish another event, and check that only these events have arrived before it."""
        # This message follows those that the node itself has published.
        self.cluster.bus.publish(Channel.plain(EVENTS), event_of_other_node("end"))
        async with asyncio.timeout(ANSWER_SECONDS):
            while self.events[-1:] != ["end"]:  # noqa: ASYNC110 - the link has no event
                await asyncio.sleep(0.01)
        assert [*events, "end"] == self.events

    @property
    def events(self) -> list[str]:
        return [event for _, _, event, _ in self.link.broadcasts]


@pytest.fixture
async def node(redis_server: RedisServer) -> AsyncIterator[Node]:
    """A node that is connected to Redis."""
    cluster = create_adapter(redis_server.url, publish_on_specific_response_channel=True)
    link = RecordingLink()
    adapter = cluster.create_adapter(link)
    adapter.open()
    await cluster.open()
    yield Node(link, cluster, adapter, redis_server)
    adapter.close()
    await cluster.close()


async def test_event_is_not_decoded_when_its_room_has_no_sockets(node: Node) -> None:
    node.link.present.append(fake_socket(Socket, link=node.link))
    node.link.join(["team"])

    node.publish(f"{EVENTS}nobody#", b"not msgpack")
    node.publish(f"{EVENTS}team#", event_of_other_node("hello"))

    await node.receives("hello")
    assert {} == node.cluster.bus.dropped


async def test_event_is_ignored_when_the_node_itself_or_another_namespace_has_sent_it(
    node: Node,
) -> None:
    node.adapter.publish_event(Selection(), "own", (), volatile=False)
    node.publish(EVENTS, event_of_other_node("foreign", namespace="/admin"))

    await node.receives()


async def test_namespace_is_the_default_one_when_a_packet_names_none(node: Node) -> None:
    """Node has the same default."""
    node.publish(EVENTS, pack(["emitter", {"type": 2, "data": ["hello"]}, EVERYWHERE]))

    await node.receives("hello")


async def test_messages_are_dropped_when_they_are_malformed(node: Node) -> None:
    """The node counts them, and continues to receive."""
    node.publish(
        EVENTS,
        b"",
        b"\xc1",
        pack({}),
        pack(["x", None, EVERYWHERE]),
        pack(["x", {"type": 2, "data": ["e"], "nsp": "/"}, {"rooms": "team", "except": []}]),
        pack(["x", {"type": 3, "data": ["e"], "nsp": "/"}, EVERYWHERE]),
    )
    node.publish(
        REQUESTS,
        b"{",
        {},
        {"type": "5"},
        {"type": 0, "rooms": "x"},
        {"type": 2, "opts": EVERYWHERE, "rooms": [1]},
        {"type": 4, "sid": "x"},
        {"type": 5},
        {"type": 6, "data": "x"},
        {"type": 7, "opts": EVERYWHERE},
        {"type": 99},
    )
    node.publish(RESPONSES, b"[]", {"type": 8})

    await node.receives()

    assert {"malformed": 17, "unknown_type": 1} == node.cluster.bus.dropped


async def test_answer_reaches_the_asking_node_only_when_the_option_is_set(node: Node) -> None:
    node.link.present.append(fake_socket(Socket, link=node.link))
    responses: list[tuple[bytes, Any]] = []
    for channel in (RESPONSES, f"{RESPONSES}asking#"):
        node.cluster.bus.subscribe(
            Channel.plain(channel), lambda name, raw: responses.append((name, decode(raw)))
        )
    async with asyncio.timeout(ANSWER_SECONDS):
        await node.cluster.bus.count_other_nodes(Channel.plain(RESPONSES))  # confirms both

    node.publish(REQUESTS, {"type": 0, "uid": "asking", "requestId": "r", "rooms": []})
    async with asyncio.timeout(ANSWER_SECONDS):
        while not responses:  # noqa: ASYNC110 - the list has no event
            await asyncio.sleep(0.01)

    assert [
        (f"{RESPONSES}asking#".encode(), {"requestId": "r", "sockets": ["socket-1"]})
    ] == responses


async def test_fetching_sockets_fails_when_another_node_answers_with_a_malformed_socket(
    node: Node,
) -> None:
    """The answer is counted like each malformed message."""

    def answer(_: bytes, raw: bytes) -> None:
        request = decode(raw)
        node.publish(RESPONSES, {"requestId": request["requestId"], "sockets": [{"id": 1}]})

    other = create_adapter(node.redis.url)
    other.bus.subscribe(Channel.plain(REQUESTS), answer)
    await other.open()

    with pytest.raises(AckTimeoutError) as error:
        await node.adapter.fetch_sockets(Selection(), 0.2)

    await other.close()
    assert [] == error.value.responses
    assert {"malformed": 1} == node.cluster.bus.dropped
