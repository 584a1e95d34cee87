"""Tests that calls of `Socket`, `Server` and `BroadcastOperator` reach the transport."""

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

import pytest

from app.framework import BroadcastOperator, Handshake, Server, Socket
from app.framework.testing import RecordingLink, fake_socket
from app.framework.websockets.broadcast import RESERVED_EVENTS

NOBODY: frozenset[str] = frozenset()


def in_rooms(*rooms: str) -> Socket:
    socket = fake_socket(Socket)
    socket.join(*rooms)
    return socket


def test_an_unknown_attribute_is_refused_with_the_alternatives() -> None:
    """In Node, any attribute may be set."""
    client: Any = fake_socket(Socket)

    with pytest.raises(AttributeError) as caught:
        client.user = "ann"
    assert (
        "Socket has no attribute 'user'; write client.data['user'] = ..., or add the attribute to "
        "a class of your own, IoOptions(socket_class=...)"
    ) == str(caught.value)
    with pytest.raises(AttributeError) as caught:
        client.data.user = "ann"
    assert "client.data is a dict; write client.data['user'] = ..." == str(caught.value)
    with pytest.raises(AttributeError, match=r"'rooms'.* has no setter"):
        client.rooms = set()


@pytest.mark.parametrize("slots", [{}, {"__slots__": ("user",)}])
def test_attributes_of_a_socket_class_may_be_set(slots: dict[str, Any]) -> None:
    socket_class: Any = type("UserSocket", (Socket,), slots)
    client = fake_socket(socket_class)

    client.user = "ann"
    client.data["user"] = "ann"

    assert ("ann", {"user": "ann"}) == (client.user, client.data)


def test_server_reaches_everybody_when_no_room_is_named() -> None:
    """An event may have any number of arguments."""
    link = RecordingLink()

    Server(link).emit("event", 1, "two")

    assert [(NOBODY, NOBODY, "event", (1, "two"))] == link.broadcasts


def test_server_reaches_rooms_but_for_others_when_both_are_named() -> None:
    """Repeated calls of `to` and `except_` add rooms."""
    link = RecordingLink()

    Server(link).to("a", "b").to("c").except_("d").except_("e").emit("event")

    assert [(frozenset("abc"), frozenset("de"), "event", ())] == link.broadcasts


def test_server_reaches_all_but_some_when_only_exceptions_are_named() -> None:
    """A socket's id also works as a room, so one socket can be excluded."""
    link = RecordingLink()

    Server(link).except_("socket-1").emit("event")

    assert [(NOBODY, frozenset({"socket-1"}), "event", ())] == link.broadcasts


def test_sockets_are_found_when_they_are_in_the_rooms_that_are_meant() -> None:
    """``in_`` is an alias of ``to``. No socket is found twice."""
    link = RecordingLink()
    link.present = [in_rooms("a", "b"), in_rooms("a", "c"), in_rooms("c"), in_rooms()]

    found = Server(link).in_("a", "b").except_("c").local_sockets()

    assert (link.present[0],) == found
    assert tuple(link.present) == Server(link).local_sockets()


def test_sockets_enter_and_leave_rooms_when_they_are_told_together() -> None:
    """Only the selected sockets join and leave."""
    link = RecordingLink()
    link.present = [in_rooms("a"), in_rooms("a", "b"), in_rooms("b")]

    Server(link).in_("a").sockets_join("c", "d")
    Server(link).in_("b").sockets_leave("b", "d")

    assert [{"a", "c", "d"}, {"a", "c"}, set()] == [each.rooms for each in link.present]


def test_everybody_moves_when_no_room_is_named() -> None:
    """Without a room, all sockets are selected."""
    link = RecordingLink()
    link.present = [in_rooms("a"), in_rooms()]

    Server(link).sockets_join("b")
    Server(link).sockets_leave("a")

    assert [{"b"}, {"b"}] == [each.rooms for each in link.present]


def test_operator_is_unchanged_when_a_step_is_taken_from_it() -> None:
    """Each step returns a new operator, so an operator can be kept and used again."""
    link = RecordingLink()
    room = BroadcastOperator(link).to("a")

    room.to("b").emit("both")
    room.emit("one")

    assert [frozenset("ab"), frozenset("a")] == [rooms for rooms, *_ in link.broadcasts]


@pytest.mark.parametrize("event", sorted(RESERVED_EVENTS))
@pytest.mark.parametrize("target", ["socket", "server"])
def test_emit_refuses_a_reserved_name_when_anybody_emits_it(event: str, target: str) -> None:
    """The client's parser would close the connection at such an event."""
    link = RecordingLink()
    emitters: dict[str, Any] = {"socket": fake_socket(Socket, link=link), "server": Server(link)}

    with pytest.raises(ValueError, match=f"'{event}' is a reserved event name"):
        emitters[target].emit(event)

    assert ([], []) == (link.emitted, link.broadcasts)


@pytest.mark.parametrize("room", [5, UUID(int=5), None, [5], ("a", 5), b"a"])
@pytest.mark.parametrize("method", ["join", "leave", "to", "in_", "except_"])
def test_a_room_that_is_not_a_string_is_refused(method: str, room: Any) -> None:
    """Applications often name rooms after ids, which must be converted.

    In Node a room may have any type. Here a number that one method accepted would silently name
    another room than its text.
    """
    with pytest.raises(TypeError, match=r"^the name of a room must be a string, not \w+; convert"):
        getattr(fake_socket(Socket), method)(room)


async def test_join_and_leave_may_be_awaited_as_in_socket_io() -> None:
    """Awaiting `join` and `leave` is optional. Both methods accept lists of rooms."""
    link = RecordingLink()
    socket = fake_socket(Socket, link=link)

    joined = socket.join("a")
    await socket.join(["b", "c"], "d")
    await socket.leave("d")

    assert {"a", "b", "c"} == link.joined
    assert joined is socket.join("a")  # one shared object, so that a join allocates nothing


def test_rooms_may_be_given_as_a_list_when_recipients_are_selected() -> None:
    """Each way to name rooms accepts a list, as in socket.io, and also a tuple or a set."""
    link = RecordingLink()
    selected = Server(link).to(["a", "b"], "c").in_({"d"}).except_(["e", "f"])

    selected.to(("g", "h")).except_(("i", "j")).emit("event")

    assert [(frozenset("abcdgh"), frozenset("efij"), "event", ())] == link.broadcasts


@pytest.mark.parametrize(
    ("select", "rooms", "except_rooms"),
    [
        (lambda socket: socket.broadcast, (), ("socket-1",)),
        (lambda socket: socket.broadcast.to("a"), ("a",), ("socket-1",)),
        (lambda socket: socket.to(["a", "b"]), ("a", "b"), ("socket-1",)),
        (lambda socket: socket.in_("a"), ("a",), ("socket-1",)),
        (lambda socket: socket.except_("a"), (), ("socket-1", "a")),
    ],
)
def test_socket_leaves_itself_out_when_it_selects_others(
    select: Callable[[Socket], BroadcastOperator],
    rooms: tuple[str, ...],
    except_rooms: tuple[str, ...],
) -> None:
    """Each operator of a socket excludes the socket's own id."""
    link = RecordingLink()

    select(fake_socket(Socket, link=link)).emit("event")

    assert [(frozenset(rooms), frozenset(except_rooms), "event", ())] == link.broadcasts


async def test_selected_sockets_are_moved_and_disconnected_with_awaitables() -> None:
    """Every method that may reach other nodes can be awaited."""
    link = RecordingLink()
    link.present = [in_rooms("a"), in_rooms("b")]
    selected = Server(link).in_("a")

    await selected.sockets_join(["c", "d"])
    found = await selected.fetch_sockets()
    await Server(link).sockets_leave(["d", "b"])
    rooms = [set(each.rooms) for each in link.present]
    await selected.disconnect_sockets(True)  # noqa: FBT003 - as in socket.io

    assert (link.present[0],) == found
    assert [{"a", "c"}, set()] == rooms
    assert [False, True] == [each.connected for each in link.present]


def test_handshake_has_nodes_fields_when_it_is_read() -> None:
    """``time`` has the form of JavaScript's ``Date.toString()``.

    ``url`` contains only the query parameters that the handshake stores.
    """
    handshake = Handshake(
        auth={},
        headers={"origin": "https://a.example"},
        query={"EIO": "4", "name": "a b/é(1)"},
        address="127.0.0.1",
        issued=datetime(2026, 11, 30, 18, 7, 24, tzinfo=UTC),
        path="/ws/",
    )

    assert "Mon Nov 30 2026 18:07:24 GMT+0000 (Coordinated Universal Time)" == handshake.time
    assert "/ws/?EIO=4&name=a%20b%2F%C3%A9(1)" == handshake.url
    assert (False, True) == (handshake.secure, handshake.xdomain)
    assert "/ws/" == replace(handshake, query={}).url


def test_namespace_is_reached_from_a_socket_and_from_a_server() -> None:
    """A fake link records the events of all namespaces."""
    link = RecordingLink()
    link.namespace, link.params = "/rooms/5", {"id": "5"}
    server = fake_socket(Socket, link=link).nsp

    server.use(print)
    server.of("other").emit("event")

    assert ("/rooms/5", {"id": "5"}) == (server.name, server.params)
    assert [print] == link.middlewares
    assert [(NOBODY, NOBODY, "event", ())] == link.broadcasts


async def test_socket_answers_and_skips_as_its_link_does() -> None:
    """A fake client answers with the items of ``acks``; once the list is empty, acks time out."""
    link = RecordingLink()
    link.acks = ["yes"]
    socket = fake_socket(Socket, link=link)

    socket.volatile.emit("position", 1)
    answer = await socket.emit_with_ack("question", 2)
    with pytest.raises(TimeoutError):
        await socket.emit_with_ack("question", 3, timeout_seconds=1)

    assert "yes" == answer
    assert [("position", (1,)), ("question", (2,)), ("question", (3,))] == link.emitted
    assert ["position"] == link.volatile


def test_listeners_are_recorded_when_a_fake_socket_has_some() -> None:
    link = RecordingLink()
    socket = fake_socket(Socket, link=link)

    socket.on("a", print)
    socket.once("a", repr)
    socket.on("b", print)
    socket.off("a", print)
    left = list(link.listeners)
    socket.off("a")

    assert [("a", repr), ("b", print)] == left
    assert [("b", print)] == link.listeners
