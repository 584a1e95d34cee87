from typing import Any

import pytest

from app.framework import Server, Socket
from app.framework.testing import RecordingLink, fake_socket


@pytest.fixture
def link() -> RecordingLink:
    """A namespace with two sockets; the second has joined the room of the first."""
    link = RecordingLink()
    for socket_id, rooms in (("a", ("a", "red")), ("b", ("b", "a"))):
        socket = fake_socket(Socket, socket_id=socket_id)
        socket.join(*rooms)
        link.present.append(socket)
    return link


def test_sockets_are_a_mapping_by_id(link: RecordingLink) -> None:
    sockets = Server(link).sockets

    assert (2, ["a", "b"]) == (len(sockets), list(sockets))
    assert link.present[0] is sockets["a"]
    assert ("b" in sockets, "red" in sockets, sockets.get("c")) == (True, False, None)


def test_rooms_are_a_mapping_to_the_ids_of_their_sockets(link: RecordingLink) -> None:
    """As in Node, each socket's own room is among them."""
    rooms, sids = Server(link).adapter

    assert {"a": {"a", "b"}, "b": {"b"}, "red": {"a"}} == dict(rooms)
    assert (3, None, 2) == (len(rooms), rooms.get("blue"), len(sids))
    assert {"a": {"a", "red"}, "b": {"a", "b"}} == dict(sids)


def test_no_room_is_found_when_its_name_is_not_a_string(link: RecordingLink) -> None:
    """A client may send null as the name of a room."""
    rooms: Any = Server(link).adapter.rooms

    assert (None, None) == (rooms.get(None), rooms.get(5))


def test_engine_counts_the_connections(link: RecordingLink) -> None:
    assert 2 == Server(link).engine.clients_count
