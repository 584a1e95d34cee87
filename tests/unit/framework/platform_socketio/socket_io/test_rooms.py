from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import pytest

from app.framework import Socket
from app.framework.platform_socketio.socket_io.room_manager import RoomManager
from app.framework.platform_socketio.socket_io.rooms import NamespaceRooms
from app.framework.platform_socketio.websocket.write_batcher import WriteBatcher, text_frame
from app.framework.testing import fake_socket
from tests.unit.framework.platform_socketio.room_client import RoomClient

WriteCounts = Callable[[], dict[str, int]]

NO_ROOMS: frozenset[str] = frozenset()


@dataclass(eq=False)
class PendingLink:
    """The link of a socket that is being admitted."""

    socket: Socket
    pending_rooms: frozenset[str]
    sid: str = "pending"
    queued: list[bytes] = field(default_factory=list)

    def queue_broadcast(self, packet: bytes) -> None:
        self.queued.append(packet)


class UncheckedRooms(frozenset[str]):
    """Raises an error if a caller searches the rooms."""

    def __contains__(self, room: object) -> bool:
        raise AssertionError(room)

    def isdisjoint(self, rooms: object) -> bool:
        raise AssertionError(rooms)


def add_pending(rooms: NamespaceRooms, link: PendingLink) -> None:
    rooms.pending[link.sid] = link
    for room in link.pending_rooms - {link.sid}:
        rooms.add_pending(room, link)


@pytest.fixture
def clients(batcher: WriteBatcher) -> dict[str, RoomClient]:
    return {name: RoomClient(name, batcher) for name in ("a", "b", "c")}


@pytest.fixture
def rooms(batcher: WriteBatcher, clients: dict[str, RoomClient]) -> NamespaceRooms:
    """Add three sockets: a to red and blue, b to blue, and c to no room."""
    rooms = RoomManager(batcher).open_namespace("/")
    for sid, names in (("a", ("red", "blue")), ("b", ("blue",)), ("c", ())):
        rooms.add_socket(sid, clients[sid], names)
    return rooms


@pytest.fixture
def write_counts(batcher: WriteBatcher, clients: dict[str, RoomClient]) -> WriteCounts:
    """Return a function that flushes and counts the writes to each client."""

    def count() -> dict[str, int]:
        batcher.flush()
        return {name: len(client.written) for name, client in clients.items()}

    return count


@pytest.mark.parametrize(
    ("names", "except_rooms", "expected"),
    [
        (set(), set(), {"a": 1, "b": 1, "c": 1}),
        ({"blue"}, set(), {"a": 1, "b": 1, "c": 0}),
        ({"red", "blue"}, set(), {"a": 1, "b": 1, "c": 0}),
        ({"blue"}, {"red"}, {"a": 0, "b": 1, "c": 0}),
        (set(), {"a"}, {"a": 0, "b": 1, "c": 1}),
        ({"c"}, set(), {"a": 0, "b": 0, "c": 1}),
        ({"nowhere"}, set(), {"a": 0, "b": 0, "c": 0}),
        ({"blue"}, {"blue"}, {"a": 0, "b": 0, "c": 0}),
    ],
)
async def test_broadcast_reaches_each_member_once_when_rooms_overlap(
    rooms: NamespaceRooms,
    write_counts: WriteCounts,
    names: set[str],
    except_rooms: set[str],
    expected: dict[str, int],
) -> None:
    """Members of excluded rooms receive nothing. A socket's id works as a room, too."""
    rooms.broadcast(frozenset(names), frozenset(except_rooms), "e", ({"n": 1},))

    assert expected == write_counts()


@pytest.mark.parametrize(
    ("names", "except_rooms", "expected"),
    [
        (set(), set(), {"a", "b", "c", "pending"}),
        ({"blue"}, set(), {"a", "b", "pending"}),
        ({"red", "blue"}, {"b"}, {"a", "pending"}),
        ({"blue"}, {"green"}, {"a", "b"}),
        ({"green"}, set(), {"pending"}),
        ({"nowhere"}, set(), set()),
    ],
)
async def test_sockets_are_found_once_when_they_are_or_will_be_in_the_rooms(
    rooms: NamespaceRooms, names: set[str], except_rooms: set[str], expected: set[str]
) -> None:
    """A socket that is being admitted is found in the rooms that it will join."""
    socket = fake_socket(Socket, socket_id="pending")
    add_pending(rooms, PendingLink(socket, frozenset({"blue", "green"})))

    found = [each.id for each in rooms.sockets(frozenset(names), frozenset(except_rooms))]

    assert sorted(expected) == sorted(found)


async def test_room_has_sockets_when_one_is_or_will_be_in_it(rooms: NamespaceRooms) -> None:
    """The id of a socket is the name of its own room."""
    socket = fake_socket(Socket, socket_id="pending")
    add_pending(rooms, PendingLink(socket, frozenset({"green", "pending"})))

    names = ("red", "c", "green", "pending", "nowhere")
    assert [True, True, True, True, False] == [rooms.has_sockets(name) for name in names]


async def test_room_is_checked_at_once_when_many_sockets_are_being_admitted(
    rooms: NamespaceRooms,
) -> None:
    """The check must not search the rooms of each pending socket."""
    socket = fake_socket(Socket, socket_id="pending")
    links = [
        PendingLink(socket, UncheckedRooms({f"room {number}"}), f"socket {number}")
        for number in range(3)
    ]
    for link in links:
        add_pending(rooms, link)

    rooms.remove_pending("room 1", links[1])

    assert not rooms.has_sockets("nowhere")
    assert not rooms.has_sockets("room 1")
    assert rooms.has_sockets("room 2")
    assert () == rooms.sockets(frozenset({"nowhere"}), NO_ROOMS)


async def test_broadcast_is_encoded_once_when_many_hear_it(
    rooms: NamespaceRooms, batcher: WriteBatcher, clients: dict[str, RoomClient]
) -> None:
    """All members receive the same bytes object, not copies."""
    rooms.broadcast(NO_ROOMS, NO_ROOMS, "e", ())

    batcher.flush()
    assert 1 == len({id(client.written[0]) for client in clients.values()})


@pytest.mark.parametrize(
    ("names", "expected"),
    [
        (set(), {"a": 0, "b": 1, "c": 1}),
        ({"blue"}, {"a": 0, "b": 1, "c": 0}),
        ({"blue", "c"}, {"a": 0, "b": 1, "c": 1}),
        ({"a"}, {"a": 0, "b": 0, "c": 0}),
    ],
)
async def test_broadcast_leaves_out_who_does_not_read_when_volatile(
    rooms: NamespaceRooms,
    batcher: WriteBatcher,
    clients: dict[str, RoomClient],
    write_counts: WriteCounts,
    names: set[str],
    expected: dict[str, int],
) -> None:
    """A stalled client misses only volatile events."""
    batcher.stalled.add(clients["a"])

    rooms.broadcast(frozenset(names), NO_ROOMS, "e", (), volatile=True)
    volatile = write_counts()
    rooms.broadcast(frozenset(names), NO_ROOMS, "e", ())

    assert expected == volatile
    assert 1 == write_counts()["a"]


async def test_socket_is_in_no_room_when_it_was_removed(
    rooms: NamespaceRooms, write_counts: WriteCounts
) -> None:
    """Removing the socket a second time is harmless."""
    rooms.remove_socket("a")
    rooms.remove_socket("a")

    rooms.broadcast(NO_ROOMS, NO_ROOMS, "e", ())

    assert [] == rooms.rooms_of("a")
    assert {"a": 0, "b": 1, "c": 1} == write_counts()


async def test_socket_hears_nothing_of_a_room_when_it_left(
    rooms: NamespaceRooms, write_counts: WriteCounts
) -> None:
    """Leaving a room that the socket is not in is harmless."""
    rooms.remove_from_room("a", "red")
    rooms.remove_from_room("a", "green")

    rooms.broadcast(frozenset({"red"}), NO_ROOMS, "e", ())

    assert {"a", "blue"} == set(rooms.rooms_of("a"))
    assert {"a": 0, "b": 0, "c": 0} == write_counts()


async def test_room_of_another_socket_reaches_both_when_a_socket_joins_it(
    rooms: NamespaceRooms, write_counts: WriteCounts
) -> None:
    """As in Node, the id of a socket is a room like any other."""
    rooms.add_to_room("b", "a")

    rooms.broadcast(frozenset({"a"}), NO_ROOMS, "e", ())
    both = write_counts()
    rooms.broadcast(NO_ROOMS, frozenset({"a"}), "e", ())

    assert {"a": 1, "b": 1, "c": 0} == both
    assert {"a": 1, "b": 1, "c": 1} == write_counts()
    assert (["a", "blue", "red"], ["a", "b", "blue"]) == (
        sorted(rooms.rooms_of("a")),
        sorted(rooms.rooms_of("b")),
    )


@pytest.mark.parametrize(("leaver", "left"), [("a", {"a": 0, "b": 1}), ("b", {"a": 1, "b": 0})])
async def test_room_of_another_socket_keeps_the_other_when_one_of_both_leaves(
    rooms: NamespaceRooms, write_counts: WriteCounts, leaver: str, left: dict[str, int]
) -> None:
    """The room named after a socket exists until its last member leaves it."""
    rooms.add_to_room("b", "a")

    rooms.remove_socket(leaver)
    rooms.broadcast(frozenset({"a"}), NO_ROOMS, "e", ())
    counts = write_counts()
    rooms.remove_socket("a")
    rooms.remove_socket("b")

    assert {**left, "c": 0} == counts
    assert "a" not in rooms.groups


async def test_tuple_of_rooms_is_refused_when_it_is_given_as_one_room(
    rooms: NamespaceRooms,
) -> None:
    """A tuple would count as the name of one room, which has no members."""
    names: Any = frozenset({("red", "blue")})

    with pytest.raises(TypeError, match="give several rooms as a list"):
        rooms.broadcast(names, NO_ROOMS, "e", ())


@pytest.mark.parametrize(
    ("names", "except_rooms", "queued"),
    [
        (set(), set(), True),
        ({"blue", "green"}, set(), True),
        ({"red"}, set(), False),
        (set(), {"blue"}, False),
    ],
)
async def test_broadcast_is_queued_for_a_socket_that_is_being_admitted(
    rooms: NamespaceRooms, names: set[str], except_rooms: set[str], *, queued: bool
) -> None:
    """The socket receives the broadcast after its admission; members receive it at once."""
    link = PendingLink(fake_socket(Socket, socket_id="pending"), frozenset({"blue"}))
    add_pending(rooms, link)

    rooms.broadcast(frozenset(names), frozenset(except_rooms), "e", (1,))

    assert ([text_frame(b'42["e",1]')] if queued else []) == link.queued
