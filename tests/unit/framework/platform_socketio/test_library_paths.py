"""Tests how python-socketio emits events and receives acks through this server.

The tested module is app/framework/platform_socketio/socket_io/server.py.
"""

import json
from collections.abc import AsyncIterator
from typing import Any

import pytest
import pytest_asyncio
import socketio

from app.framework import Socket
from app.framework.platform_socketio.engine_io.connection import Connection
from app.framework.platform_socketio.engine_io.server import EngineOptions
from app.framework.platform_socketio.socket_io.namespace import CompiledNamespace
from app.framework.platform_socketio.socket_io.server import SocketServer
from app.framework.platform_socketio.websocket.upgrade import UpgradeRequest
from app.framework.platform_socketio.websocket.write_batcher import text_frame
from tests.unit.framework.platform_socketio import client_frames
from tests.unit.framework.platform_socketio.fake_transport import FakeTransport

Answers = list[tuple[Any, ...]]


async def join_room(socket: Socket) -> bool:
    socket.join("room")
    return True


async def ignore(*_: object) -> None:
    """Handle an unknown event."""


class Client:
    """A client with one socket, which is admitted to a namespace and is in one room."""

    def __init__(self, server: SocketServer, namespace: str) -> None:
        self.transport = FakeTransport()
        self.connection = Connection(
            "c", self.transport, UpgradeRequest({}, {}, ""), server, 1_000, 1_000
        )
        self._prefix = "" if namespace == "/" else f"{namespace},"
        server.eio.sockets["c"] = self.connection
        server.open_namespace(namespace, CompiledNamespace(Socket, (join_room,), (), {}, ignore))
        self.connection.data_received(client_frames.text(f"40{self._prefix}".encode()))
        server.batcher.flush()
        self.transport.sent.clear()

    def ack(self, packet_id: str, *args: Any) -> None:
        packet = f"43{self._prefix}{packet_id}{json.dumps(args)}"
        self.connection.data_received(client_frames.text(packet.encode()))


@pytest_asyncio.fixture
async def server() -> AsyncIterator[SocketServer]:
    server = SocketServer(EngineOptions())
    yield server
    server.tasks.close()


@pytest.mark.parametrize("namespace", ["/", "/admin"])
@pytest.mark.parametrize("data", [None, "é", {"a": [1, 0.5]}, ("x", None), "\ud800"])
async def test_emit_has_the_librarys_bytes_when_broadcast(
    server: SocketServer, namespace: str, data: Any
) -> None:
    """The library's ``emit`` and that of `Server` write the same frame."""
    client = Client(server, namespace)

    await socketio.AsyncManager.emit(server.manager, "e", data, namespace, room="room")
    server.batcher.flush()
    await server.manager.emit("e", data, namespace, room="room")
    server.batcher.flush()

    by_library, ours = client.transport.sent
    assert by_library == ours


@pytest.mark.parametrize(
    ("namespace", "sent"), [("/", b'421["e","x"]'), ("/admin", b'42/admin,1["e","x"]')]
)
async def test_callback_is_given_the_ack_when_an_emit_asked_for_it(
    server: SocketServer, namespace: str, sent: bytes
) -> None:
    """The callback is called for the first ack only."""
    client, answers = Client(server, namespace), Answers()

    await server.manager.emit(
        "e", "x", namespace, room="room", callback=lambda *args: answers.append(args)
    )
    server.batcher.flush()
    client.ack("1", "yes", 2)
    client.ack("1", "again")

    assert [text_frame(sent)] == client.transport.sent
    assert [("yes", 2)] == answers
    assert not client.connection.closed


@pytest.mark.parametrize("packet_id", ["0", "2"])
async def test_ack_is_ignored_when_nothing_asked_for_it(
    server: SocketServer, packet_id: str
) -> None:
    """Unexpected acks do not affect a waiting callback. The first id of the library is 1."""
    client, answers = Client(server, "/"), Answers()

    client.ack(packet_id, "stray")
    await server.manager.emit(
        "e", "x", "/", room="room", callback=lambda *args: answers.append(args)
    )
    client.ack(packet_id, "stray")
    client.ack("1", "own")

    assert [("own",)] == answers
    assert not client.connection.closed
