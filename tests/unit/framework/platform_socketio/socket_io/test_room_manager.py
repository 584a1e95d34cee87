import pytest

from app.framework.platform_socketio.socket_io.room_manager import RoomManager
from app.framework.platform_socketio.websocket.write_batcher import WriteBatcher, text_frame
from tests.unit.framework.platform_socketio.room_client import RoomClient


@pytest.fixture
def clients(batcher: WriteBatcher) -> dict[str, RoomClient]:
    return {name: RoomClient(name, batcher) for name in ("a", "b", "c")}


@pytest.fixture
def manager(batcher: WriteBatcher, clients: dict[str, RoomClient]) -> RoomManager:
    """Add three sockets: a to red and blue, b to blue, and c to no room."""
    manager = RoomManager(batcher)
    manager.open_namespace("/")
    for sid, rooms in (("a", ("red", "blue")), ("b", ("blue",)), ("c", ())):
        manager.rooms_in("/").add_socket(sid, clients[sid], rooms)
    return manager


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
    batcher: WriteBatcher,
    clients: dict[str, RoomClient],
    room: str | list[str] | None,
    skip_sid: str | None,
    expected: dict[str, int],
) -> None:
    """The ``emit`` of python-socketio reaches the members of this server's rooms."""
    await manager.emit("e", ("x", 1), "/", room=room, skip_sid=skip_sid)

    batcher.flush()
    assert expected == {name: len(client.written) for name, client in clients.items()}
    written = {data for client in clients.values() for data in client.written}
    assert {text_frame(b'42["e","x",1]')} == written


async def test_emit_reaches_nobody_when_the_namespace_is_unknown(
    manager: RoomManager, batcher: WriteBatcher, clients: dict[str, RoomClient]
) -> None:
    """Namespaces do not share rooms."""
    await manager.emit("e", None, "/admin", room="blue")

    batcher.flush()
    assert [[], [], []] == [client.written for client in clients.values()]
    assert {"/"} == manager.rooms.keys()


async def test_no_socket_is_found_or_added_when_the_namespace_is_unknown(
    manager: RoomManager,
) -> None:
    """A lookup in an unknown namespace does not open the namespace."""
    found = (manager.get_rooms("a", "/admin"), list(manager.get_participants("/admin", "red")))

    assert ([], []) == found
    with pytest.raises(ValueError, match="not connected"):
        manager.basic_enter_room("a", "/admin", "red")
    assert {"/"} == manager.rooms.keys()


async def test_methods_of_the_library_act_on_the_rooms(manager: RoomManager) -> None:
    manager.basic_enter_room("c", "/", "green")
    manager.basic_leave_room("a", "/", "red")
    manager.basic_disconnect("b", "/")

    assert ["c", "green"] == manager.get_rooms("c", "/")
    assert ["a", "blue"] == manager.get_rooms("a", "/")
    assert [("a", "connection of a")] == list(manager.get_participants("/", ["red", "blue"]))
    assert (True, False) == (manager.is_connected("a", "/"), manager.is_connected("b", "/"))
    assert (True, False) == (manager.is_sid_room("/", "a"), manager.is_sid_room("/", "blue"))
    assert "connection of c" == manager.eio_sid_from_sid("c", "/")
    assert manager.eio_sid_from_sid("b", "/") is None


async def test_callbacks_are_forgotten_when_their_socket_disconnects(manager: RoomManager) -> None:
    manager.callbacks = {"a": {}, "b": {}}

    manager.basic_disconnect("a", "/")

    assert {"b": {}} == manager.callbacks
