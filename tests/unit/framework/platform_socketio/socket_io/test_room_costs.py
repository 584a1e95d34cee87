"""Tests app/framework/platform_socketio/socket_io/rooms.py: the cost of joining and sending.

The cost is counted in comparisons and members visited, not in time.
"""

from collections.abc import Iterator
from typing import Any, cast

import pytest
import pytest_asyncio

from app.framework import Socket
from app.framework.platform_socketio.engine_io.connection import Connection
from app.framework.platform_socketio.socket_io.rooms import RoomManager
from app.framework.platform_socketio.websocket.write_batcher import RecipientGroup, WriteBatcher
from app.framework.testing import fake_socket
from tests.unit.framework.platform_socketio.recipient import Recorder

NOBODY: frozenset[str] = frozenset()
MANY = 1_000


class Link:
    """The socket of a connection."""

    def __init__(self, sid: str) -> None:
        self.sid = sid
        self.socket = fake_socket(Socket, socket_id=sid)


class Client(Recorder):
    """The end of a connection that a room manager meets; counts how often it is hashed."""

    def __init__(self, sid: str, outbox: WriteBatcher) -> None:
        super().__init__()
        self.sid = sid
        self.links = {"/": Link(sid)}
        self.hashed = 0
        self._outbox = outbox

    def __hash__(self) -> int:
        self.hashed += 1
        return id(self)

    def __eq__(self, other: object) -> bool:
        return self is other


class Room(RecipientGroup[Any]):
    """A room that counts how often one is compared with another or asked what is due."""

    compared = 0
    asked = 0

    def __init__(self, name: str | None) -> None:
        self._due: list[Any] = []
        super().__init__(name)

    def __eq__(self, other: object) -> bool:
        Room.compared += 1
        return self is other

    def __hash__(self) -> int:
        return id(self)

    @property
    def due(self) -> list[Any]:
        """What is due."""
        Room.asked += 1
        return self._due

    @due.setter
    def due(self, due: list[Any]) -> None:
        self._due = due


class Members(dict[str, Any]):
    """The members of a room, counting how many of them are looked at."""

    seen = 0

    def values(self) -> Any:
        """All of them."""
        self.seen += len(self)
        return super().values()

    def __iter__(self) -> Iterator[str]:
        self.seen += len(self)
        return super().__iter__()


@pytest_asyncio.fixture
async def outbox() -> WriteBatcher:
    """Of the test's loop."""
    return WriteBatcher()


@pytest.fixture
def manager(outbox: WriteBatcher) -> RoomManager:
    """With so many rooms that count, and nobody in them."""
    manager = RoomManager(outbox)
    names = [f"room {number}" for number in range(MANY)]
    manager.rooms["/"] = {name: Room(name) for name in (None, *names)}
    return manager


def admit(manager: RoomManager, outbox: WriteBatcher, sid: str, *rooms: str) -> Client:
    """A socket in these rooms."""
    client = Client(sid, outbox)
    manager.admit(sid, "/", cast("Connection", client), rooms)
    return client


def all_rooms() -> list[str]:
    """Their names."""
    return [f"room {number}" for number in range(MANY)]


async def test_rooms_are_not_compared_with_each_other_when_a_socket_of_many_goes(
    manager: RoomManager, outbox: WriteBatcher
) -> None:
    """A comparison of each with each would stall the event loop of everybody."""
    client = admit(manager, outbox, "a", *all_rooms())
    Room.compared = 0

    manager.basic_disconnect("a", "/")

    assert Room.compared < MANY
    assert not client.audiences
    assert not manager.rooms


async def test_rooms_are_not_compared_with_each_other_when_a_socket_leaves_many(
    manager: RoomManager, outbox: WriteBatcher
) -> None:
    """One by one, the last one joined first or last."""
    client = admit(manager, outbox, "a", *all_rooms())
    Room.compared = 0

    for room in reversed(all_rooms()):
        manager.basic_leave_room("a", "/", room)

    assert Room.compared < MANY
    assert ["a"] == manager.get_rooms("a", "/")
    assert 1 == len(client.audiences)


async def test_other_namespace_keeps_its_rooms_when_a_socket_of_many_goes(
    manager: RoomManager, outbox: WriteBatcher
) -> None:
    """A connection may have a socket in each namespace."""
    client = admit(manager, outbox, "a", *all_rooms())
    manager.admit("b", "/other", cast("Connection", client), ["red", "room 1"])

    manager.basic_disconnect("a", "/")

    assert {"b", "red", "room 1"} == set(manager.get_rooms("b", "/other"))
    assert {None, "red", "room 1"} == {each.name for each in client.audiences}


async def test_only_rooms_with_something_due_are_asked_when_a_member_of_many_is_sent_something(
    manager: RoomManager, outbox: WriteBatcher
) -> None:
    """Its own frame and a room's in one tick: its other rooms do not matter."""
    client = admit(manager, outbox, "a", *all_rooms())
    Room.asked = 0

    manager.broadcast("/", frozenset({"room 7"}), NOBODY, "e", ())
    outbox.send(client, b"own")
    outbox.flush()

    assert Room.asked < MANY / 10
    assert client.heard.endswith(b"own")
    assert 1 == len(client.written)


async def test_large_room_is_not_walked_when_one_socket_outside_it_is_looked_for(
    manager: RoomManager, outbox: WriteBatcher
) -> None:
    """As when a member is added to a channel: a channel of 10,000 would be walked 10,000 times."""
    for number in range(MANY):
        admit(manager, outbox, f"member {number}", "room 1")
    newcomer = admit(manager, outbox, "newcomer")
    members = manager.rooms["/"]["room 1"].members = Members(manager.rooms["/"]["room 1"].members)

    found = manager.sockets("/", frozenset({"newcomer"}), frozenset({"room 1"}))

    assert [newcomer.links["/"].socket] == list(found)
    assert 0 == members.seen


async def test_stalled_clients_elsewhere_are_not_looked_at_when_a_room_is_sent_what_is_volatile(
    manager: RoomManager, outbox: WriteBatcher
) -> None:
    """A typing event in a small room must not cost every client that does not read."""
    mate = admit(manager, outbox, "mate", "room 1")
    stalled = [admit(manager, outbox, f"stalled {number}") for number in range(MANY)]
    outbox.stalled.update(stalled)
    for each in stalled:
        each.hashed = 0

    manager.broadcast("/", frozenset({"room 1"}), NOBODY, "e", (), volatile=True)
    outbox.flush()

    assert 1 == len(mate.written)
    assert 0 == sum(each.hashed for each in stalled)
