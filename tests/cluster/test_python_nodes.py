"""Tests of two servers in Python, without one in Node.js (app/framework/redis_adapter)."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from typing import Any

import pytest
import pytest_asyncio
from dependency_injector import containers, providers

from app.framework import (
    IoAdapter,
    IoOptions,
    NestFactory,
    RemoteEvent,
    Server,
    Socket,
    WebSocketServer,
    subscribe_message,
    web_socket_gateway,
)
from app.framework.redis_adapter import RedisNodes, create_adapter, create_sharded_adapter
from app.framework.redis_adapter.channels import Channel
from tests.deadlines import ANSWER_SECONDS
from tests.e2e.js_client import JsClient, JsDriver
from tests.redis_server import RedisServer


@web_socket_gateway(cors=True)
class SlowGateway:
    """Joins a room, and admits the client when a test sets ``admit``."""

    server = WebSocketServer()

    def __init__(self) -> None:
        self.joined = asyncio.Event()
        self.admit = asyncio.Event()
        self.left: asyncio.Queue[str] = asyncio.Queue()

    async def handle_connection(self, client: Socket) -> None:
        rooms = client.handshake.auth.get("rooms", [])
        if rooms:
            await client.join(rooms)
            client.leave("left")
            self.joined.set()
            await self.admit.wait()
            if "refused" in rooms:
                client.disconnect()

    def handle_disconnect(self, client: Socket) -> None:
        self.left.put_nowait(client.id)

    @subscribe_message("join")
    async def join(self, client: Socket, room: str) -> str:
        await client.join(room)
        return client.id


@web_socket_gateway(namespace="/rooms/:id", cors=True)
class DynamicGateway:
    """Namespaces that are open on one node only."""

    server = WebSocketServer()

    def __init__(self) -> None:
        self.waiting = asyncio.Event()
        self.ended = asyncio.Event()

    def after_init(self, server: Server) -> None:
        server.on("question", lambda ack: ack("answer"))
        server.on("wait", self.wait)

    async def wait(self) -> None:
        self.waiting.set()
        try:
            await asyncio.Event().wait()
        finally:
            self.ended.set()


class NodeModule(containers.DeclarativeContainer):
    """The module of each node."""

    slow = providers.Singleton(SlowGateway)
    dynamic = providers.Singleton(DynamicGateway)


@dataclass(frozen=True, slots=True)
class Node:
    """A running server."""

    url: str
    gateway: SlowGateway
    cluster: RedisNodes

    @property
    def server(self) -> Server:
        return self.gateway.server


@dataclass(slots=True)
class Pair:
    """Two nodes, and the clients of the second one."""

    first: Node
    second: Node
    redis: RedisServer
    driver: JsDriver
    clients: list[JsClient] = field(default_factory=list)

    def connect(self, name: str, auth: object = None, **options: Any) -> JsClient:
        """Begin to connect a client to the second node."""
        client = self.driver.connect(self.second.url, name, auth or {}, **options)
        self.clients.append(client)
        return client

    async def client(self, name: str, **options: Any) -> JsClient:
        """Connect a client to the second node."""
        client = self.connect(name, **options)
        await client.sees("connect")
        return client

    def channels(self) -> list[str]:
        """Return the sharded channels with subscribers."""
        return sorted(map(str, self.redis.client.pubsub_shardchannels()))


async def _start(stack: AsyncExitStack, cluster: RedisNodes) -> Node:
    app = NestFactory.create(NodeModule, IoAdapter(IoOptions(cluster=cluster)))
    stack.push_async_callback(app.close)
    return Node(await app.listen(0), app.get(SlowGateway), cluster)


@pytest_asyncio.fixture(loop_scope="session", params=["sharded", "classic"])
async def pair(
    request: pytest.FixtureRequest, driver: JsDriver, redis_server: RedisServer
) -> AsyncIterator[Pair]:
    """Two nodes with each adapter."""
    create = create_sharded_adapter if request.param == "sharded" else create_adapter
    async with AsyncExitStack() as stack:
        first, second = [await _start(stack, create(redis_server.url)) for _ in range(2)]
        pair = Pair(first, second, redis_server, driver)
        yield pair
        for client in pair.clients:
            client.disconnect()


async def test_rooms_work_when_a_client_names_them_with_lone_surrogates(pair: Pair) -> None:
    """JavaScript strings may contain lone surrogates."""
    alice = await pair.client("alice")
    socket_id = await alice.ask("join", "\ud800")
    await alice.ask("join", "\ud801")
    await pair.second.server.fetch_sockets()  # waits until Redis has confirmed the subscriptions

    pair.first.server.to("\ud800").emit("one", "\ud802")
    pair.first.server.to("\ud801").emit("two")
    pair.first.server.to("\ud803").emit("three")
    pair.first.server.emit("end")
    await alice.sees("end")
    alice.disconnect()

    assert ["one", "two"] == [each for each in alice.events if each in {"one", "two", "three"}]
    async with asyncio.timeout(ANSWER_SECONDS):
        assert socket_id == await pair.second.gateway.left.get()
    assert not pair.second.server.adapter.rooms
    assert () == await pair.first.server.fetch_sockets()


async def test_connecting_socket_receives_an_event_when_another_node_emits_to_its_room(
    pair: Pair,
) -> None:
    """Events of the same node are queued, too, until the socket is admitted."""
    alice = pair.connect("alice", {"rooms": ["team"]})
    async with asyncio.timeout(ANSWER_SECONDS):
        await pair.second.gateway.joined.wait()
    await pair.second.server.fetch_sockets()

    pair.first.server.to("team").emit("hello")
    pair.first.server.to("nobody").emit("hello")
    await pair.first.server.fetch_sockets()  # the answer follows the events
    pair.second.gateway.admit.set()
    await alice.sees("connect")
    await alice.sees("hello")
    pair.first.server.to("team").emit("end")

    await alice.sees("end")
    assert 1 == alice.events.count("hello")


@pytest.mark.parametrize("pair", ["sharded"], indirect=True)
@pytest.mark.parametrize("rooms", [["one", "left"], ["one", "left", "refused"]])
async def test_no_subscription_is_left_when_a_connecting_socket_is_gone(
    pair: Pair, rooms: list[str]
) -> None:
    await pair.second.server.fetch_sockets()
    before = pair.channels()
    alice = pair.connect("alice", {"rooms": rooms})
    async with asyncio.timeout(ANSWER_SECONDS):
        await pair.second.gateway.joined.wait()
    await pair.second.server.fetch_sockets()

    meanwhile = pair.channels()
    pair.second.gateway.admit.set()
    await alice.sees("disconnect" if "refused" in rooms else "connect")
    alice.disconnect()
    async with asyncio.timeout(ANSWER_SECONDS):
        await pair.second.gateway.left.get()
    await pair.second.server.fetch_sockets()

    assert {f"socket.io#/#{room}#" for room in rooms if room != "left"} == set(meanwhile) - set(
        before
    )
    assert before == pair.channels()


async def test_sockets_are_fetched_when_only_another_node_has_opened_the_namespace(
    pair: Pair,
) -> None:
    await pair.client("alice", namespace="/rooms/5")
    closed = pair.first.server.of("/rooms/5")

    sockets = await closed.fetch_sockets(ANSWER_SECONDS)
    answers = await closed.server_side_emit_with_ack("question", timeout_seconds=ANSWER_SECONDS)

    assert 1 == len(sockets)
    assert ["answer"] == answers
    assert () == await pair.first.server.of("/rooms/6").fetch_sockets(ANSWER_SECONDS)


async def test_asking_other_nodes_fails_when_the_node_does_not_receive_answers(pair: Pair) -> None:
    """Redis answers, but the connection of the subscriber is lost."""
    await pair.client("alice")
    pair.redis.client.client_kill_filter(_type="pubsub")
    async with asyncio.timeout(ANSWER_SECONDS):
        while pair.first.cluster.bus.is_connected:  # noqa: ASYNC110 - no event
            await asyncio.sleep(0)

    with pytest.raises(ConnectionError):
        await pair.first.server.fetch_sockets()

    async with asyncio.timeout(ANSWER_SECONDS):
        while not (pair.first.cluster.bus.is_connected and pair.second.cluster.bus.is_connected):  # noqa: ASYNC110 - no event
            await asyncio.sleep(0.02)
    assert 1 == len(await pair.first.server.fetch_sockets())


async def test_bytes_are_sent_to_no_node_when_the_namespace_does_not_allow_them(
    pair: Pair,
) -> None:
    """The emitting node has no sockets, and refuses the event nevertheless."""
    alice = await pair.client("alice")

    with pytest.raises(TypeError, match="max_attachments"):
        pair.first.server.emit("picture", b"1")
    pair.first.server.emit("end")

    await alice.sees("end")
    assert "picture" not in alice.events
    assert {} == pair.second.cluster.bus.dropped


async def test_listeners_of_a_closed_namespace_have_ended_when_the_node_is_closed(
    driver: JsDriver, redis_server: RedisServer
) -> None:
    async with AsyncExitStack() as stack:
        first = await _start(stack, create_sharded_adapter(redis_server.url))
        cluster = create_sharded_adapter(redis_server.url)
        app = NestFactory.create(NodeModule, IoAdapter(IoOptions(cluster=cluster)))
        url, gateway = await app.listen(0), app.get(DynamicGateway)
        alice = driver.connect(url, "alice", {}, namespace="/rooms/5")
        await alice.sees("connect")
        await cluster.bus.count_other_nodes(Channel.sharded(""))  # waits for the subscriptions
        first.server.of("/rooms/5").server_side_emit("wait")
        async with asyncio.timeout(ANSWER_SECONDS):
            await gateway.waiting.wait()
            alice.disconnect()
            while redis_server.client.pubsub_shardchannels("socket.io#/rooms/5#"):  # noqa: ASYNC110 - no event
                await asyncio.sleep(0)

        await app.close()

        assert gateway.ended.is_set()


async def test_intercepted_event_is_not_sent_when_another_node_emits_it(pair: Pair) -> None:
    """The owner of the function decides about each event of another node."""
    alice = await pair.client("alice")
    await alice.ask("join", "team")
    await pair.second.cluster.confirm_subscriptions()
    seen: list[RemoteEvent] = []

    def intercept(event: RemoteEvent) -> bool:
        seen.append(event)
        return event.event == "taken"

    pair.second.server.intercept_remote_events(intercept)
    with pytest.raises(ValueError, match="already intercepts"):
        pair.second.server.intercept_remote_events(intercept)
    pair.first.server.to("team").except_("others").volatile.emit("taken", 1, "two")
    pair.first.server.to("team").emit("free")
    pair.second.server.to("team").emit("own")
    await alice.sees("own")
    await alice.sees("free")

    assert "taken" not in alice.events
    assert [
        RemoteEvent(frozenset({"team"}), frozenset({"others"}), "taken", (1, "two"), volatile=True),
        RemoteEvent(frozenset({"team"}), frozenset(), "free", (), volatile=False),
    ] == seen
