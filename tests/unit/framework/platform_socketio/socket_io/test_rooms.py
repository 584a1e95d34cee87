from collections.abc import Callable
from dataclasses import dataclass
from typing import cast

import pytest
import pytest_asyncio

from app.framework import Socket
from app.framework.platform_socketio.engine_io.connection import Connection
from app.framework.platform_socketio.socket_io.rooms import RoomManager
from app.framework.platform_socketio.websocket import frames
from app.framework.platform_socketio.websocket.write_batcher import WriteBatcher
from app.framework.testing import fake_socket
from tests.unit.framework.platform_socketio.recipient import Recorder

Heard = Callable[[], dict[str, int]]

NOBODY: frozenset[str] = frozenset()


@dataclass(eq=False)
class Link:
    """A socket's other end; admitted or not."""

    socket: Socket
    wanted: frozenset[str] = NOBODY
    namespace: str = "/"


class Client(Recorder):
    """The connection's end that a broadcast meets."""

    def __init__(self, outbox: WriteBatcher) -> None:
        super().__init__()
        self._outbox = outbox
        self.links: dict[str, Link] = {}

    def send(self, frame: bytes) -> None:
        """As a connection's."""
        self._outbox.send(self, frame)


@pytest_asyncio.fixture
async def outbox() -> WriteBatcher:
    """Of the test's loop."""
    return WriteBatcher()


@pytest.fixture
def clients(outbox: WriteBatcher) -> dict[str, Client]:
    """Three connections."""
    return {name: Client(outbox) for name in ("a", "b", "c")}


@pytest.fixture
def manager(outbox: WriteBatcher, clients: dict[str, Client]) -> RoomManager:
    """With three sockets: a in red and blue, b in blue, c in none."""
    manager = RoomManager(outbox)
    for sid, rooms in (("a", ("red", "blue")), ("b", ("blue",)), ("c", ())):
        manager.admit(sid, "/", cast("Connection", clients[sid]), rooms)
    return manager


@pytest.fixture
def heard(outbox: WriteBatcher, clients: dict[str, Client]) -> Heard:
    """How many writes each client has had."""

    def count() -> dict[str, int]:
        outbox.flush()
        return {name: len(client.written) for name, client in clients.items()}

    return count


@pytest.mark.parametrize(
    ("rooms", "except_rooms", "expected"),
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
    manager: RoomManager,
    heard: Heard,
    rooms: set[str],
    except_rooms: set[str],
    expected: dict[str, int],
) -> None:
    """Any of the rooms, none of the others; a socket's id is its room."""
    manager.broadcast("/", frozenset(rooms), frozenset(except_rooms), "e", ({"n": 1},))

    assert expected == heard()


@pytest.mark.parametrize(
    ("rooms", "except_rooms", "expected"),
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
    manager: RoomManager,
    clients: dict[str, Client],
    rooms: set[str],
    except_rooms: set[str],
    expected: set[str],
) -> None:
    """One that is being admitted is found where it will be; in another namespace it is not."""
    for sid, client in clients.items():
        client.links = {"/": Link(fake_socket(Socket, socket_id=sid))}
    wanted = frozenset({"blue", "green"})
    manager.pending = {
        Link(fake_socket(Socket, socket_id="pending"), wanted),
        Link(fake_socket(Socket, socket_id="elsewhere"), wanted, "/elsewhere"),
    }

    found = [each.id for each in manager.sockets("/", frozenset(rooms), frozenset(except_rooms))]

    assert sorted(expected) == sorted(found)


async def test_broadcast_is_encoded_once_when_many_hear_it(
    manager: RoomManager, outbox: WriteBatcher, clients: dict[str, Client]
) -> None:
    """The very same bytes go to all."""
    manager.broadcast("/", NOBODY, NOBODY, "e", ())

    outbox.flush()
    assert 1 == len({id(client.written[0]) for client in clients.values()})


@pytest.mark.parametrize(
    ("rooms", "expected"),
    [
        (set(), {"a": 0, "b": 1, "c": 1}),
        ({"blue"}, {"a": 0, "b": 1, "c": 0}),
        ({"blue", "c"}, {"a": 0, "b": 1, "c": 1}),
        ({"a"}, {"a": 0, "b": 0, "c": 0}),
    ],
)
async def test_broadcast_leaves_out_who_does_not_read_when_volatile(
    manager: RoomManager,
    outbox: WriteBatcher,
    clients: dict[str, Client],
    heard: Heard,
    rooms: set[str],
    expected: dict[str, int],
) -> None:
    """The others hear it, and who does not read is still sent what is not volatile."""
    outbox.stalled.add(clients["a"])

    manager.broadcast("/", frozenset(rooms), NOBODY, "e", (), volatile=True)
    volatile = heard()
    manager.broadcast("/", frozenset(rooms), NOBODY, "e", ())

    assert expected == volatile
    assert 1 == heard()["a"]


async def test_broadcast_reaches_nobody_when_the_namespace_is_unknown(
    manager: RoomManager, heard: Heard
) -> None:
    """Namespaces do not share rooms."""
    manager.broadcast("/admin", frozenset({"blue"}), NOBODY, "e", ())

    assert {"a": 0, "b": 0, "c": 0} == heard()


async def test_socket_is_in_no_room_when_it_was_disconnected(
    manager: RoomManager, heard: Heard
) -> None:
    """Out of all at once; a second time is harmless."""
    manager.basic_disconnect("a", "/")
    manager.basic_disconnect("a", "/")

    manager.broadcast("/", NOBODY, NOBODY, "e", ())

    assert [] == manager.get_rooms("a", "/")
    assert {"a": 0, "b": 1, "c": 1} == heard()


async def test_socket_hears_nothing_of_a_room_when_it_left(
    manager: RoomManager, heard: Heard
) -> None:
    """Of that room; leaving a strange one is harmless."""
    manager.basic_leave_room("a", "/", "red")
    manager.basic_leave_room("a", "/", "green")

    manager.broadcast("/", frozenset({"red"}), NOBODY, "e", ())

    assert {"a", "blue"} == set(manager.get_rooms("a", "/"))
    assert {"a": 0, "b": 0, "c": 0} == heard()


@pytest.mark.parametrize(
    ("room", "skip_sid", "expected"),
    [
        (None, None, {"a": 1, "b": 1, "c": 1}),
        ("blue", "a", {"a": 0, "b": 1, "c": 0}),
        (["red", "c"], None, {"a": 1, "b": 0, "c": 1}),
    ],
)
async def test_emit_of_the_library_reaches_the_same_when_called(
    manager: RoomManager,
    clients: dict[str, Client],
    heard: Heard,
    room: str | list[str] | None,
    skip_sid: str | None,
    expected: dict[str, int],
) -> None:
    """python-socketio's own ways keep working."""
    await manager.emit("e", ("x", 1), "/", room=room, skip_sid=skip_sid)

    assert expected == heard()
    written = {data for client in clients.values() for data in client.written}
    assert {frames.text(b'42["e","x",1]')} == written
