import asyncio
import re
from collections.abc import AsyncIterator

import pytest
import pytest_asyncio

from app.framework import Server, Socket, WsException
from app.framework.platform_socketio.disconnect_reason import DisconnectReason
from app.framework.platform_socketio.engine_io.connection import Connection
from app.framework.platform_socketio.engine_io.server import EngineOptions
from app.framework.platform_socketio.socket_io.namespace import CompiledNamespace
from app.framework.platform_socketio.socket_io.server import SocketServer
from app.framework.platform_socketio.socket_io.socket_link import ClientConnection
from app.framework.platform_socketio.websocket.upgrade import UpgradeRequest
from tests.unit.framework.platform_socketio import client_frames
from tests.unit.framework.platform_socketio.connected import ticks
from tests.unit.framework.platform_socketio.fake_transport import FakeTransport


async def ignore(*_: object) -> None:
    """Handle an unknown event."""


@pytest_asyncio.fixture
async def server() -> AsyncIterator[SocketServer]:
    server = SocketServer(EngineOptions())
    compiled = CompiledNamespace(Socket, connect=(), disconnect=(), events={}, unknown=ignore)
    server.open_dynamic_namespace("/rooms/:id", re.compile(r"/rooms/(?P<id>\w+)"), compiled)
    yield server
    server.tasks.close()


@pytest.fixture
def hub(server: SocketServer) -> Server:
    """The server that selects sockets in all namespaces of the pattern."""
    return Server(server.manager.find_hub("/rooms/:id"))


def connect(server: SocketServer, name: str) -> ClientConnection:
    transport = FakeTransport()
    request = UpgradeRequest({}, {}, "")
    connection: ClientConnection = Connection(name, transport, request, server, 9_000, 9_000)
    transport.give(connection)
    server.eio.sockets[name] = connection
    return connection


def send(connection: ClientConnection, *texts: str) -> None:
    connection.data_received(b"".join(client_frames.text(text.encode()) for text in texts))


async def test_namespace_is_open_while_it_has_sockets(server: SocketServer, hub: Server) -> None:
    """A namespace closes when its last socket leaves, so clients cannot fill the memory."""
    one, two = connect(server, "one"), connect(server, "two")
    send(one, "40/rooms/a,", "40/rooms/b,")
    send(two, "40/rooms/a,")
    await ticks()
    sockets = sorted((each.nsp.name, each.nsp.params["id"]) for each in hub.local_sockets())

    send(one, "41/rooms/b,")
    send(two, "41/rooms/a,")
    names = [*server.manager.rooms]
    one.close(DisconnectReason.TRANSPORT_CLOSE)
    await ticks()

    assert [("/rooms/a", "a"), ("/rooms/a", "a"), ("/rooms/b", "b")] == sockets
    assert ["/rooms/a"] == names
    assert ({}, 0) == (server.manager.rooms, len(hub.sockets))


async def test_namespace_without_sockets_is_found_by_name(
    server: SocketServer, hub: Server
) -> None:
    """A gateway may emit to a namespace by its name, even if the namespace has no sockets."""
    empty = hub.of("rooms/a")
    empty.emit("event")
    with pytest.raises(ValueError, match=r"the namespace /rooms/a is not open"):
        empty.use(ignore)
    with pytest.raises(ValueError, match=r"no gateway has the namespace /rooms/a/b"):
        hub.of("/rooms/a/b")

    send(connect(server, "one"), "40/rooms/a,")
    await ticks()

    assert ("a", 0, 1) == (empty.params["id"], len(empty.sockets), len(hub.of("rooms/a").sockets))


async def test_namespace_is_closed_when_its_first_socket_is_refused(
    server: SocketServer, hub: Server
) -> None:
    """The middlewares of the pattern run in every namespace, also in those that are open."""
    one = connect(server, "one")
    send(one, "40/rooms/a,")
    await ticks()

    def refuse(_: Socket) -> None:
        raise WsException("no")

    hub.use(refuse)
    two, three = connect(server, "two"), connect(server, "three")
    send(two, "40/rooms/a,")
    send(three, "40/rooms/b,")
    await ticks()

    assert (True, True) == (two.closed, three.closed)
    assert ["/rooms/a"] == [*server.manager.rooms]
    assert 1 == len(hub.sockets)


async def test_connection_is_limited_when_it_opens_many_dynamic_namespaces(
    server: SocketServer, hub: Server
) -> None:
    """A connection may open at most 16 namespaces, because each of them takes memory."""
    one = connect(server, "one")

    send(one, *[f"40/rooms/{number}," for number in range(20)])
    await ticks()

    assert (16, 4, False) == (len(hub.sockets), one.rejected_connects, one.closed)


async def test_open_namespace_is_found_by_its_name(server: SocketServer, hub: Server) -> None:
    send(connect(server, "one"), "40/rooms/a,")
    await ticks()

    assert ("/rooms/a", "/rooms/:id") == (hub.of("rooms/a").name, hub.of("/rooms/:id").name)
    assert 1 == hub.engine.clients_count


async def test_broadcast_reaches_all_namespaces_of_the_pattern(
    server: SocketServer, hub: Server
) -> None:
    """The name of a room selects the rooms of this name in all namespaces of the pattern."""
    one = connect(server, "one")
    send(one, "40/rooms/a,", "40/rooms/b,")
    await ticks()
    for socket in hub.local_sockets():
        socket.join(socket.nsp.params["id"])

    assert ["/rooms/b"] == [each.nsp.name for each in hub.to("b").local_sockets()]
    assert ["/rooms/a"] == [each.nsp.name for each in hub.except_("b").local_sockets()]
    found = server.manager.find_hub("/rooms/:id")
    assert [True, False] == [found.has_sockets("b"), found.has_sockets("nowhere")]


async def test_broadcast_goes_on_when_it_cuts_off_a_client(
    server: SocketServer, hub: Server
) -> None:
    """The slow client exceeds its limit in the namespace b, which also ends its socket in a."""
    waiting = asyncio.Event()

    async def wait_in_b(client: Socket) -> None:
        if client.nsp.params["id"] == "b":
            await waiting.wait()

    hub.use(wait_in_b)
    slow, other = connect(server, "slow"), connect(server, "other")
    send(slow, "40/rooms/a,", "40/rooms/b,")
    send(other, "40/rooms/c,")
    await ticks()

    hub.emit("news", "x" * 10_000)
    waiting.set()
    await ticks()

    assert (True, False) == (slow.closed, other.closed)
    assert ["/rooms/c"] == [*server.manager.rooms]


async def test_late_packet_is_ignored_when_its_dynamic_namespace_has_ended(
    server: SocketServer, hub: Server
) -> None:
    """The client's socket in another namespace stays connected."""
    one = connect(server, "one")
    send(one, "40/rooms/a,", "40/rooms/b,")
    await ticks()
    hub.of("/rooms/b").disconnect_sockets()

    send(one, '42/rooms/b,["late"]')
    await ticks()

    assert (False, ["/rooms/a"]) == (one.closed, [*server.manager.rooms])
