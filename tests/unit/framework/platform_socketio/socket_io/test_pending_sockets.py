"""Tests sockets that are not admitted yet (app/framework/platform_socketio/socket_io/server.py)."""

import asyncio
from collections.abc import AsyncIterator

import pytest
import pytest_asyncio

from app.framework import Server, Socket
from app.framework.platform_socketio.engine_io.connection import Connection
from app.framework.platform_socketio.engine_io.server import EngineOptions
from app.framework.platform_socketio.socket_io.namespace import CompiledNamespace
from app.framework.platform_socketio.socket_io.server import SocketServer
from app.framework.platform_socketio.websocket.upgrade import UpgradeRequest
from app.framework.platform_socketio.websocket.write_batcher import close_frame, text_frame
from tests.unit.framework.platform_socketio import client_frames
from tests.unit.framework.platform_socketio.connected import ticks
from tests.unit.framework.platform_socketio.fake_transport import FakeTransport


class Door:
    """A ``handle_connection`` that joins the room red, waits, and finally admits or rejects."""

    def __init__(self) -> None:
        self.reached = asyncio.Event()
        self.may_pass = asyncio.Event()
        self.admits = True

    async def __call__(self, socket: Socket) -> bool:
        socket.join("red")
        self.reached.set()
        await self.may_pass.wait()
        return self.admits


async def ignore(*_: object) -> None:
    """Handle an unknown event."""


@pytest_asyncio.fixture
async def door() -> Door:
    """Create a `Door` that keeps sockets waiting until the test sets ``may_pass``."""
    return Door()


@pytest.fixture
def transport() -> FakeTransport:
    """Create the transport of the client that waits for its admission."""
    return FakeTransport()


@pytest_asyncio.fixture
async def server(door: Door, transport: FakeTransport) -> AsyncIterator[SocketServer]:
    """Create a server with one namespace, and one client that waits for its admission."""
    server = SocketServer(EngineOptions())
    server.open_namespace(
        "/", CompiledNamespace(Socket, connect=(door,), disconnect=(), events={}, unknown=ignore)
    )
    connection = Connection("c", transport, UpgradeRequest({}, {}, ""), server, 1_000, 1_000)
    server.eio.sockets["c"] = connection
    connection.data_received(client_frames.text(b"40"))
    await door.reached.wait()
    yield server
    server.tasks.close()


async def admitted(server: SocketServer, door: Door) -> frozenset[str]:
    """Admit the client, and return the rooms of its socket."""
    (socket,) = Server(server.manager.rooms_in("/")).local_sockets()
    door.may_pass.set()
    await ticks()
    return frozenset(socket.rooms - {socket.id})


async def test_socket_is_not_in_the_room_when_it_was_taken_out_while_pending(
    server: SocketServer, door: Door
) -> None:
    """A member who was removed during the admission must not receive the room's events."""
    Server(server.manager.rooms_in("/")).in_("red").sockets_leave("red")

    assert frozenset() == await admitted(server, door)


async def test_socket_is_in_the_room_when_it_was_put_there_while_pending(
    server: SocketServer, door: Door
) -> None:
    """A pending socket joins its rooms when it is admitted, not before."""
    hub = Server(server.manager.rooms_in("/"))
    hub.in_("red").sockets_join("blue")
    found_before = list(server.manager.get_participants("/", "blue"))

    assert frozenset({"red", "blue"}) == await admitted(server, door)
    assert [] == found_before
    assert 1 == len(hub.in_("blue").local_sockets())


async def test_nobody_is_pending_when_the_door_was_closed_to_them(
    server: SocketServer, door: Door
) -> None:
    """A rejected socket is in no room."""
    door.admits = False

    assert frozenset() == await admitted(server, door)
    assert () == Server(server.manager.rooms_in("/")).local_sockets()
    assert {} == server.manager.rooms_in("/").pending


@pytest.mark.parametrize("answer_connect", [True, False])
async def test_pending_socket_is_closed_for_now_without_a_disconnect_packet(
    server: SocketServer, door: Door, transport: FakeTransport, *, answer_connect: bool
) -> None:
    """After the packets ``41`` or ``44``, the JavaScript client would not reconnect."""
    (socket,) = Server(server.manager.rooms_in("/")).local_sockets()
    socket.emit("error", "later")
    socket.close_transport(answer_connect=answer_connect)
    door.admits = False
    door.may_pass.set()
    await ticks()

    answer = text_frame(b'40{"sid":"%b"}' % socket.id.encode()) + text_frame(b'42["error","later"]')
    assert (answer if answer_connect else b"") + close_frame(1013) == b"".join(transport.sent)
    assert () == Server(server.manager.rooms_in("/")).local_sockets()


async def test_admitted_socket_is_closed_for_now_without_a_disconnect_packet(
    server: SocketServer, door: Door, transport: FakeTransport
) -> None:
    """The socket also leaves its rooms at once."""
    (socket,) = Server(server.manager.rooms_in("/")).local_sockets()
    door.may_pass.set()
    await ticks()
    transport.sent.clear()

    socket.emit("error", "later")
    socket.close_transport()

    assert text_frame(b'42["error","later"]') + close_frame(1013) == b"".join(transport.sent)
    assert () == Server(server.manager.rooms_in("/")).local_sockets()


@pytest.mark.parametrize(
    ("fields", "kept"),
    [(None, {"token": "t", "junk": [[]]}), (frozenset({"token"}), {"token": "t"})],
)
async def test_auth_keeps_the_named_fields_alone_when_the_options_name_any(
    door: Door, transport: FakeTransport, fields: frozenset[str] | None, kept: dict[str, object]
) -> None:
    """To save memory, the socket stores only the fields of ``auth`` that the options name."""
    server = SocketServer(EngineOptions(auth_fields=fields))
    server.open_namespace(
        "/", CompiledNamespace(Socket, connect=(door,), disconnect=(), events={}, unknown=ignore)
    )
    connection = Connection("c", transport, UpgradeRequest({}, {}, ""), server, 1_000, 1_000)
    server.eio.sockets["c"] = connection
    connection.data_received(client_frames.text(b'40{"token":"t","junk":[[]]}'))
    await door.reached.wait()

    (socket,) = Server(server.manager.rooms_in("/")).local_sockets()

    assert kept == socket.handshake.auth
    server.tasks.close()


async def test_socket_is_connected_and_in_its_own_room_while_it_is_admitted(
    server: SocketServer,
) -> None:
    """As in Node, a socket is connected before ``handleConnection`` runs."""
    (socket,) = Server(server.manager.rooms_in("/")).local_sockets()

    assert socket.connected
    assert {socket.id, "red"} == socket.rooms
    assert (socket,) == Server(server.manager.rooms_in("/")).to(socket.id).local_sockets()
    socket.disconnect()
    assert not socket.connected


@pytest.mark.parametrize("is_admitted", [True, False])
async def test_broadcast_is_sent_after_the_admission_alone(
    server: SocketServer, door: Door, transport: FakeTransport, *, is_admitted: bool
) -> None:
    """A refused socket receives the events that were emitted to it, but no broadcast."""
    hub = Server(server.manager.rooms_in("/"))
    (socket,) = hub.local_sockets()
    hub.to("red").emit("broadcast", 1)
    socket.emit("own", 2)
    hub.emit("broadcast", 3)
    hub.to("blue").emit("broadcast", 4)
    socket.broadcast.emit("broadcast", 5)
    door.admits = is_admitted
    door.may_pass.set()
    await ticks()

    connected = b'40{"sid":"%b"}' % socket.id.encode()
    if is_admitted:
        sent = [connected, b'42["broadcast",1]', b'42["own",2]', b'42["broadcast",3]']
        assert b"".join(map(text_frame, sent)) == b"".join(transport.sent)
    else:
        sent = [connected, b'42["own",2]', b"41"]
        assert b"".join(map(text_frame, sent)) + close_frame(1000) == b"".join(transport.sent)


async def test_socket_is_cut_off_when_too_much_is_queued_for_its_admission(
    server: SocketServer, transport: FakeTransport
) -> None:
    """The limit for bytes that wait for a slow client also applies before the admission."""
    hub = Server(server.manager.rooms_in("/"))

    hub.emit("event", "x" * 600)
    before = transport.is_closing()
    hub.emit("event", "x" * 600)

    assert (False, True) == (before, transport.is_closing())


async def test_ack_is_awaited_until_the_client_answers_or_leaves(
    server: SocketServer, door: Door, transport: FakeTransport
) -> None:
    """The server awaits at most 64 acks of a client, and none before the client's admission."""
    (socket,) = Server(server.manager.rooms_in("/")).local_sockets()
    with pytest.raises(ConnectionError, match="is still connecting"):
        await socket.emit_with_ack("question")
    door.may_pass.set()
    await ticks()
    transport.sent.clear()
    connection = server.eio.sockets["c"]

    answered, unanswered = (asyncio.ensure_future(socket.emit_with_ack("ask")) for _ in range(2))
    await ticks()
    sent = b"".join(transport.sent)
    connection.data_received(client_frames.text(b'431["yes"]'))
    connection.data_received(client_frames.text(b'4399["unknown"]'))
    answer = await answered
    with pytest.raises(TimeoutError):
        await socket.emit_with_ack("ask", timeout_seconds=0.001)
    others = [asyncio.ensure_future(socket.emit_with_ack("ask")) for _ in range(63)]
    await ticks()
    with pytest.raises(RuntimeError, match="more than 64 acks"):
        await socket.emit_with_ack("ask")
    connection.data_received(client_frames.text(b"41"))

    assert text_frame(b'421["ask"]') + text_frame(b'422["ask"]') == sent
    assert "yes" == answer
    with pytest.raises(ConnectionError, match="has disconnected"):
        await unanswered
    await asyncio.gather(*others, return_exceptions=True)
    with pytest.raises(ConnectionError, match="has disconnected"):
        await socket.emit_with_ack("question")
    assert {} == server.manager.callbacks


async def test_volatile_event_is_dropped_when_the_client_does_not_read(
    server: SocketServer, door: Door, transport: FakeTransport
) -> None:
    """Events that are not volatile wait until the client reads again."""
    (socket,) = Server(server.manager.rooms_in("/")).local_sockets()
    door.may_pass.set()
    await ticks()
    transport.sent.clear()

    socket.volatile.emit("position", 1)
    server.batcher.stalled.add(server.eio.sockets["c"])
    socket.volatile.emit("position", 2)
    socket.emit("message")
    await ticks()

    sent = text_frame(b'42["position",1]') + text_frame(b'42["message"]')
    assert sent == b"".join(transport.sent)


async def test_rooms_are_in_the_order_of_joining_as_in_node(
    server: SocketServer, door: Door
) -> None:
    """Code ported from Node may read the second room, as in ``[...client.rooms][1]``."""
    (socket,) = Server(server.manager.rooms_in("/")).local_sockets()
    socket.join("z", "b")
    pending = [*socket.rooms]
    door.may_pass.set()
    await ticks()
    socket.join("y", "a")
    socket.leave("b")

    assert [socket.id, "red", "z", "b"] == pending
    assert [socket.id, "red", "z", "y", "a"] == [*socket.rooms]


async def test_listeners_of_one_socket_are_in_its_own_table_alone(
    server: SocketServer, door: Door
) -> None:
    """Without its listeners, the socket has the handlers of its namespace again."""
    (socket,) = Server(server.manager.rooms_in("/")).local_sockets()
    door.may_pass.set()
    await ticks()
    connection = server.eio.sockets["c"]
    log: list[object] = []

    socket.on("event", log.append)
    socket.on("disconnect", log.append)
    socket.on("disconnect", print)
    connection.data_received(client_frames.text(b'42["event",1]'))
    socket.off("event")
    socket.off("disconnect", print)
    connection.data_received(client_frames.text(b'42["event",2]'))
    compiled = connection.links["/"].compiled
    connection.data_received(client_frames.text(b"41"))
    await ticks()

    assert [1, "client namespace disconnect"] == log
    assert ({}, 1) == (compiled.events, len(compiled.disconnect))
