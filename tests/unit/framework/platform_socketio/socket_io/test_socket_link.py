"""Tests the listeners of ``disconnecting`` (app/framework/platform_socketio/socket_io)."""

from collections.abc import AsyncIterator, Callable

import pytest
import pytest_asyncio
from structlog.testing import capture_logs

from app.framework import Socket
from app.framework.platform_socketio.disconnect_reason import DisconnectReason
from app.framework.platform_socketio.engine_io.connection import Connection
from app.framework.platform_socketio.engine_io.server import EngineOptions
from app.framework.platform_socketio.socket_io.namespace import CompiledNamespace
from app.framework.platform_socketio.socket_io.server import SocketServer
from app.framework.platform_socketio.socket_io.socket_link import ServerSocketLink
from app.framework.platform_socketio.websocket.upgrade import UpgradeRequest
from tests.unit.framework.platform_socketio import client_frames
from tests.unit.framework.platform_socketio.connected import ticks
from tests.unit.framework.platform_socketio.fake_transport import FakeTransport

ClientConnection = Connection[ServerSocketLink]


class Clients:
    """A server whose sockets join the room red, and a log of their disconnection."""

    def __init__(self) -> None:
        self.server = SocketServer(EngineOptions())
        self.log: list[object] = []
        self.admits = True
        compiled = CompiledNamespace(Socket, (self._join,), (self._left,), {}, self._ignore)
        self.server.open_namespace("/", compiled)

    async def connect(self, listener: Callable[[Socket, str], object]) -> Socket:
        """Connect a client whose socket has a listener of ``disconnecting``."""
        self._listener = listener
        connection: ClientConnection = Connection(
            "c", FakeTransport(), UpgradeRequest({}, {}, ""), self.server, 1_000, 1_000
        )
        self.connection = self.server.eio.sockets["c"] = connection
        connection.data_received(client_frames.text(b"40"))
        await ticks()
        return self._socket

    def log_rooms(self, socket: Socket, reason: str) -> None:
        self.log.append((reason, sorted(socket.rooms - {socket.id})))

    async def _join(self, socket: Socket) -> bool:
        self._socket = socket
        socket.join("red")
        listener = self._listener
        socket.on("disconnecting", lambda reason: listener(socket, reason))
        return self.admits

    async def _left(self, socket: Socket, reason: str) -> None:
        self.log.append(("left", reason, [*socket.rooms]))

    async def _ignore(self, *_: object) -> None:
        """Handle an unknown event."""


@pytest_asyncio.fixture
async def clients() -> AsyncIterator[Clients]:
    clients = Clients()
    yield clients
    clients.server.tasks.close()


async def test_listener_of_disconnecting_finds_the_rooms_when_the_connection_closes(
    clients: Clients,
) -> None:
    """As in Node, the rooms are gone in ``disconnect`` and in ``handle_disconnect``."""
    await clients.connect(clients.log_rooms)

    clients.connection.close(DisconnectReason.TRANSPORT_CLOSE)
    await ticks()

    reason = "transport close"
    assert [(reason, ["red"]), ("left", reason, [])] == clients.log


async def test_listener_of_disconnecting_is_called_once_when_it_disconnects_the_socket(
    clients: Clients,
) -> None:
    def disconnect(socket: Socket, reason: str) -> None:
        clients.log_rooms(socket, reason)
        socket.disconnect()

    socket = await clients.connect(disconnect)

    socket.disconnect()
    await ticks()

    reason = "server namespace disconnect"
    assert [(reason, ["red"]), ("left", reason, [])] == clients.log


async def test_listener_of_disconnecting_is_called_when_the_socket_is_refused(
    clients: Clients,
) -> None:
    clients.admits = False
    await clients.connect(clients.log_rooms)

    assert ("server namespace disconnect", ["red"]) == clients.log[0]


async def test_socket_disconnects_when_a_listener_of_disconnecting_fails(clients: Clients) -> None:
    def fail(*_: object) -> None:
        raise ArithmeticError

    socket = await clients.connect(fail)

    with capture_logs() as logs:
        socket.disconnect()
    await ticks()

    assert ["disconnecting listener failed"] == [each["event"] for each in logs]
    assert [("left", "server namespace disconnect", [])] == clients.log


async def test_listeners_of_disconnecting_are_removed_by_off(clients: Clients) -> None:
    """`off` without a function removes all listeners, also that of the fixture."""
    socket = await clients.connect(clients.log_rooms)
    kept: list[str] = []
    removed: list[str] = []
    socket.off("disconnecting")
    socket.on("disconnecting", kept.append)
    socket.on("disconnecting", removed.append)
    socket.off("disconnecting", removed.append)

    socket.disconnect()
    await ticks()

    assert (["server namespace disconnect"], []) == (kept, removed)
    assert [("left", "server namespace disconnect", [])] == clients.log


async def test_async_listener_of_disconnecting_is_refused(clients: Clients) -> None:
    """It would run after the socket has left its rooms."""

    async def later() -> None: ...

    socket = await clients.connect(clients.log_rooms)

    with pytest.raises(TypeError, match="later: a listener of 'disconnecting' is not async"):
        socket.on("disconnecting", later)
