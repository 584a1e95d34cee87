from collections.abc import Mapping
from typing import cast

import pytest

from app.framework.transport.connection import Connection
from app.framework.transport.room_manager import RoomManager

NOBODY: frozenset[str] = frozenset()


class Outbox:
    """The connection's end that a broadcast meets."""

    def __init__(self) -> None:
        self.payloads: list[bytes] = []

    def push(self, payload: bytes) -> None:
        """Keep it."""
        self.payloads.append(payload)


@pytest.fixture
def outboxes() -> dict[str, Outbox]:
    """Of three connections."""
    return {f"eio-{name}": Outbox() for name in ("a", "b", "c")}


@pytest.fixture
def manager(outboxes: dict[str, Outbox]) -> RoomManager:
    """With three sockets: a in red and blue, b in blue, c in none."""
    manager = RoomManager()
    manager.connections = cast("Mapping[str, Connection]", outboxes)
    for sid, rooms in (("a", ("red", "blue")), ("b", ("blue",)), ("c", ())):
        manager.admit(sid, "/", f"eio-{sid}", rooms)
    return manager


def _heard(outboxes: dict[str, Outbox]) -> dict[str, int]:
    return {name.removeprefix("eio-"): len(each.payloads) for name, each in outboxes.items()}


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
def test_broadcast_reaches_each_member_once_when_rooms_overlap(
    manager: RoomManager,
    outboxes: dict[str, Outbox],
    rooms: set[str],
    except_rooms: set[str],
    expected: dict[str, int],
) -> None:
    """Any of the rooms, none of the others; a socket's id is its room."""
    manager.broadcast("/", frozenset(rooms), frozenset(except_rooms), "e", ({"n": 1},))

    assert expected == _heard(outboxes)


def test_broadcast_is_encoded_once_when_many_hear_it(
    manager: RoomManager, outboxes: dict[str, Outbox]
) -> None:
    """The very same bytes go to all."""
    manager.broadcast("/", NOBODY, NOBODY, "e", ())

    assert 1 == len({id(each.payloads[0]) for each in outboxes.values()})


def test_broadcast_reaches_nobody_when_the_namespace_is_unknown(
    manager: RoomManager, outboxes: dict[str, Outbox]
) -> None:
    """Namespaces do not share rooms."""
    manager.broadcast("/admin", frozenset({"blue"}), NOBODY, "e", ())

    assert {"a": 0, "b": 0, "c": 0} == _heard(outboxes)


def test_socket_is_in_no_room_when_it_was_disconnected(
    manager: RoomManager, outboxes: dict[str, Outbox]
) -> None:
    """Out of all at once; a second time is harmless."""
    manager.basic_disconnect("a", "/")
    manager.basic_disconnect("a", "/")

    manager.broadcast("/", NOBODY, NOBODY, "e", ())

    assert [] == manager.get_rooms("a", "/")
    assert {"a": 0, "b": 1, "c": 1} == _heard(outboxes)


def test_socket_hears_nothing_of_a_room_when_it_left(
    manager: RoomManager, outboxes: dict[str, Outbox]
) -> None:
    """Of that room; leaving a strange one is harmless."""
    manager.basic_leave_room("a", "/", "red")
    manager.basic_leave_room("a", "/", "green")

    manager.broadcast("/", frozenset({"red"}), NOBODY, "e", ())

    assert {"a", "blue"} == set(manager.get_rooms("a", "/"))
    assert {"a": 0, "b": 0, "c": 0} == _heard(outboxes)


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
    outboxes: dict[str, Outbox],
    room: str | list[str] | None,
    skip_sid: str | None,
    expected: dict[str, int],
) -> None:
    """python-socketio's own ways keep working."""
    await manager.emit("e", ("x", 1), "/", room=room, skip_sid=skip_sid)

    assert expected == _heard(outboxes)
    assert {b'42["e","x",1]'} == {text for each in outboxes.values() for text in each.payloads}
