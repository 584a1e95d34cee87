"""A socket that is being admitted can be moved between rooms as others can."""

import asyncio
from collections.abc import AsyncIterator

import pytest_asyncio

from app.framework import Server, Socket
from app.framework.transport.connection import Connection
from app.framework.transport.endpoint import Endpoint
from app.framework.transport.engine_server import EngineOptions
from app.framework.transport.socket_server import SocketServer
from app.framework.transport.upgrade import UpgradeRequest
from tests.unit.framework.transport import client_frames
from tests.unit.framework.transport.connected import ticks
from tests.unit.framework.transport.fake_transport import FakeTransport


class Door:
    """A ``handle_connection`` that joins the room of red, then waits; admits if it is to."""

    def __init__(self) -> None:
        self.reached = asyncio.Event()
        self.may_pass = asyncio.Event()
        self.admits = True

    async def __call__(self, socket: Socket) -> bool:
        """See the class."""
        socket.join("red")
        self.reached.set()
        await self.may_pass.wait()
        return self.admits


async def ignore(*_: object) -> None:
    """No events are expected."""


@pytest_asyncio.fixture
async def door() -> Door:
    """Closed."""
    return Door()


@pytest_asyncio.fixture
async def server(door: Door) -> AsyncIterator[SocketServer]:
    """With one namespace behind the door, and one client that waits there."""
    server = SocketServer(EngineOptions())
    server.serve("/", Endpoint(Socket, connect=(door,), disconnect=(), events={}, unknown=ignore))
    transport = FakeTransport()
    connection = Connection("c", transport, UpgradeRequest({}, {}, ""), server, 1_000, 1_000)
    server.eio.sockets["c"] = connection
    connection.data_received(client_frames.text(b"40"))
    await door.reached.wait()
    yield server
    server.tasks.close()


async def admitted(server: SocketServer, door: Door) -> frozenset[str]:
    """Where the client is, once the door has opened."""
    (socket,) = Server(server.hub("/")).fetch_sockets()
    door.may_pass.set()
    await ticks()
    return socket.rooms - {socket.id}


async def test_socket_is_not_in_the_room_when_it_was_taken_out_while_pending(
    server: SocketServer, door: Door
) -> None:
    """Or whoever was removed just then would hear what they must not."""
    Server(server.hub("/")).in_("red").sockets_leave("red")

    assert frozenset() == await admitted(server, door)


async def test_socket_is_in_the_room_when_it_was_put_there_while_pending(
    server: SocketServer, door: Door
) -> None:
    """With its admission, not before."""
    hub = Server(server.hub("/"))
    hub.in_("red").sockets_join("blue")
    found_before = list(server.manager.get_participants("/", "blue"))

    assert frozenset({"red", "blue"}) == await admitted(server, door)
    assert [] == found_before
    assert 1 == len(hub.in_("blue").fetch_sockets())


async def test_nobody_is_pending_when_the_door_was_closed_to_them(
    server: SocketServer, door: Door
) -> None:
    """Refused, they are nowhere."""
    door.admits = False

    assert frozenset() == await admitted(server, door)
    assert () == Server(server.hub("/")).fetch_sockets()
    assert set() == server.manager.pending
