"""Tests the cost of joining rooms and sending to rooms.

The cost is measured in comparisons of rooms and visited members, not in time. The tested module is
app/framework/platform_socketio/socket_io/rooms.py.
"""

from collections.abc import Iterator
from typing import Any

import pytest

from app.framework.platform_socketio.socket_io.room_manager import RoomManager
from app.framework.platform_socketio.socket_io.rooms import NamespaceRooms
from app.framework.platform_socketio.websocket.write_batcher import RecipientGroup, WriteBatcher
from tests.unit.framework.platform_socketio.room_client import AdmittedLink, RoomClient

NO_ROOMS: frozenset[str] = frozenset()
MANY = 1_000
ALL_ROOMS = [f"room {number}" for number in range(MANY)]


class CountingGroup(RecipientGroup[Any]):
    """A room that counts how often it is compared with others and how often ``queued`` is read."""

    comparisons = 0
    reads = 0

    def __init__(self, name: str | None) -> None:
        self._queued: list[Any] = []
        super().__init__(name)

    def __eq__(self, other: object) -> bool:
        CountingGroup.comparisons += 1
        return self is other

    def __hash__(self) -> int:
        return id(self)

    @property
    def queued(self) -> list[Any]:
        CountingGroup.reads += 1
        return self._queued

    @queued.setter
    def queued(self, queued: list[Any]) -> None:
        self._queued = queued


class CountingMembers(dict[str, Any]):
    """The members of a room; counts how many of them are visited."""

    visits = 0

    def values(self) -> Any:
        """Return all members, and count each of them as visited."""
        self.visits += len(self)
        return super().values()

    def __iter__(self) -> Iterator[str]:
        self.visits += len(self)
        return super().__iter__()


@pytest.fixture
def manager(batcher: WriteBatcher) -> RoomManager:
    return RoomManager(batcher)


@pytest.fixture
def rooms(manager: RoomManager) -> NamespaceRooms:
    """Create `MANY` rooms that count accesses, without members."""
    rooms = manager.open_namespace("/")
    rooms.groups = {name: CountingGroup(name) for name in (None, *ALL_ROOMS)}
    return rooms


def admit(rooms: NamespaceRooms, batcher: WriteBatcher, sid: str, *names: str) -> RoomClient:
    """Add a new socket to these rooms."""
    client = RoomClient(sid, batcher)
    rooms.add_socket(sid, client, names)
    return client


async def test_rooms_are_not_compared_with_each_other_when_a_socket_of_many_goes(
    rooms: NamespaceRooms, batcher: WriteBatcher
) -> None:
    """Comparing each room with all others would block the event loop, and so all clients."""
    client = admit(rooms, batcher, "a", *ALL_ROOMS)
    CountingGroup.comparisons = 0

    rooms.remove_socket("a")

    assert CountingGroup.comparisons < MANY
    assert not client.groups
    assert not rooms.groups


async def test_rooms_are_not_compared_with_each_other_when_a_socket_leaves_many(
    rooms: NamespaceRooms, batcher: WriteBatcher
) -> None:
    """The socket leaves its rooms one by one, in reverse order."""
    client = admit(rooms, batcher, "a", *ALL_ROOMS)
    CountingGroup.comparisons = 0

    for room in reversed(ALL_ROOMS):
        rooms.remove_from_room("a", room)

    assert CountingGroup.comparisons < MANY
    assert ["a"] == rooms.rooms_of("a")
    assert 1 == len(client.groups)


async def test_other_namespace_keeps_its_rooms_when_a_socket_of_many_goes(
    manager: RoomManager, rooms: NamespaceRooms, batcher: WriteBatcher
) -> None:
    """The connection keeps its other namespace's rooms, although they have the same names."""
    client = admit(rooms, batcher, "a", *ALL_ROOMS)
    others = manager.open_namespace("/other")
    client.links["/other"] = AdmittedLink("b", client.socket)
    others.add_socket("b", client, ["red", "room 1"])

    rooms.remove_socket("a")

    assert {"b", "red", "room 1"} == set(others.rooms_of("b"))
    assert {None, "red", "room 1"} == {each.name for each in client.groups}


async def test_only_rooms_with_queued_frames_are_read_when_a_member_of_many_is_sent_something(
    rooms: NamespaceRooms, batcher: WriteBatcher
) -> None:
    """In the same tick, the client gets a frame for itself and a frame for one of its rooms."""
    client = admit(rooms, batcher, "a", *ALL_ROOMS)
    CountingGroup.reads = 0

    rooms.broadcast(frozenset({"room 7"}), NO_ROOMS, "e", ())
    batcher.queue_frame(client, b"own")
    batcher.flush()

    assert CountingGroup.reads < MANY / 10
    assert client.received.endswith(b"own")
    assert 1 == len(client.written)


async def test_large_room_is_not_walked_when_one_socket_outside_it_is_looked_for(
    rooms: NamespaceRooms, batcher: WriteBatcher
) -> None:
    """When a member is added to a large channel, only that member's sockets are visited."""
    for number in range(MANY):
        admit(rooms, batcher, f"member {number}", "room 1")
    newcomer = admit(rooms, batcher, "newcomer")
    members = rooms.groups["room 1"].members = CountingMembers(rooms.groups["room 1"].members)

    found = rooms.sockets(frozenset({"newcomer"}), frozenset({"room 1"}))

    assert [newcomer.socket] == list(found)
    assert 0 == members.visits


async def test_stalled_clients_elsewhere_are_not_looked_at_when_a_room_is_sent_what_is_volatile(
    rooms: NamespaceRooms, batcher: WriteBatcher
) -> None:
    """A typing event in a small room must not visit all stalled clients of the server."""
    mate = admit(rooms, batcher, "mate", "room 1")
    stalled = [admit(rooms, batcher, f"stalled {number}") for number in range(MANY)]
    batcher.stalled.update(stalled)
    for each in stalled:
        each.hash_count = 0

    rooms.broadcast(frozenset({"room 1"}), NO_ROOMS, "e", (), volatile=True)
    batcher.flush()

    assert 1 == len(mate.written)
    assert 0 == sum(each.hash_count for each in stalled)
