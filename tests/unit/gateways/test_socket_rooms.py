import pytest

from app.domain.credential import Credential
from app.domain.ids import UserId
from app.domain.principal import Principal
from app.domain.rooms import user_room
from app.framework import Server
from app.framework.testing import RecordingLink, fake_socket
from app.gateways.socket_rooms import GatewaySocketRooms
from app.services.sessions.session import Session
from app.sockets.authenticated_socket import AuthenticatedSocket
from tests.doubles.manual_clock import DEFAULT_START as NOW

ALICE, BOB, CAROL = (UserId(f"user_{name}") for name in ("alice", "bob", "carol"))
ROOM = "channel:general"


def connected(socket_id: str, user_id: UserId, *rooms: str) -> AuthenticatedSocket:
    """Add a socket of the user to the user's room and to these rooms."""
    socket = fake_socket(AuthenticatedSocket, socket_id=socket_id)
    principal = Principal(user_id, None, None, expires_at=NOW.timestamp())
    socket.authenticate(Session(user_id, socket, Credential.of(socket_id, principal), "192.0.2.1"))
    socket.join(user_room(user_id), *rooms)
    return socket


@pytest.fixture
def sockets() -> list[AuthenticatedSocket]:
    """Alice has a socket in the room and one outside, Bob one inside, and Carol one outside."""
    return [
        connected("phone", ALICE, ROOM),
        connected("laptop", ALICE),
        connected("bobs", BOB, ROOM),
        connected("carols", CAROL),
    ]


@pytest.fixture
def rooms(sockets: list[AuthenticatedSocket]) -> GatewaySocketRooms:
    """Create `GatewaySocketRooms` of a server with these sockets."""
    link, rooms = RecordingLink(), GatewaySocketRooms()
    link.present.extend(sockets)
    rooms.server = Server(link)
    return rooms


def in_room(sockets: list[AuthenticatedSocket]) -> set[str]:
    return {each.id for each in sockets if ROOM in each.rooms}


def test_users_are_named_once_when_they_have_sockets_in_the_room(
    rooms: GatewaySocketRooms,
) -> None:
    """A room without sockets has no users."""
    assert {ALICE, BOB} == rooms.users_in(ROOM)
    assert frozenset() == rooms.users_in("channel:other")


def test_user_is_in_the_room_when_one_of_the_users_sockets_is(rooms: GatewaySocketRooms) -> None:
    users = (ALICE, BOB, CAROL, UserId("user_away"))

    assert [True, True, False, False] == [rooms.has_user(each, ROOM) for each in users]


def test_sockets_join_once_when_they_are_not_in_the_room(
    rooms: GatewaySocketRooms, sockets: list[AuthenticatedSocket]
) -> None:
    """`join` returns the sockets that have joined, with their users."""
    first = rooms.join([ALICE, CAROL, UserId("user_away")], ROOM)
    second = rooms.join([ALICE, CAROL], ROOM)

    assert ({"laptop": ALICE, "carols": CAROL}, {}) == (first, second)
    assert {"phone", "laptop", "bobs", "carols"} == in_room(sockets)


def test_sockets_leave_once_when_they_are_in_the_room(
    rooms: GatewaySocketRooms, sockets: list[AuthenticatedSocket]
) -> None:
    """The sockets stay in their user's room."""
    first = rooms.leave([ALICE, CAROL], ROOM)
    second = rooms.leave([ALICE, CAROL], ROOM)

    assert ({"phone": ALICE}, {}) == (first, second)
    assert {"bobs"} == in_room(sockets)
    assert user_room(ALICE) in sockets[0].rooms


def test_nobody_moves_when_nobody_is_named(
    rooms: GatewaySocketRooms, sockets: list[AuthenticatedSocket]
) -> None:
    """An empty selection must not select every socket."""
    assert ({}, {}) == (rooms.join([], "channel:other"), rooms.leave([], ROOM))
    assert {"phone", "bobs"} == in_room(sockets)
