from app.domain.events import ServerEvent
from app.domain.ids import SocketId, UserId
from app.framework import Server
from app.framework.testing import RecordingLink
from app.gateways.room_broadcaster import RoomBroadcaster

ROOM = frozenset({"channel:general"})


def test_publish_reaches_the_room_when_nobody_is_left_out() -> None:
    """The event is broadcast once, with the payload as its only argument."""
    link, broadcaster = RecordingLink(), RoomBroadcaster()
    broadcaster.server = Server(link)

    broadcaster.publish("channel:general", ServerEvent.TYPING, {"a": 1})

    assert [(ROOM, frozenset(), "typing", ({"a": 1},))] == link.broadcasts


def test_publish_is_volatile_when_it_is_soon_out_of_date() -> None:
    """A slow client may miss an old typing event, but never a message."""
    link, broadcaster = RecordingLink(), RoomBroadcaster()
    broadcaster.server = Server(link)

    broadcaster.publish("channel:general", ServerEvent.TYPING, 1)
    broadcaster.publish("channel:general", ServerEvent.MESSAGE_CREATED, 1)

    assert ["typing"] == link.volatile


def test_publish_leaves_a_socket_out_when_it_is_named() -> None:
    link, broadcaster = RecordingLink(), RoomBroadcaster()
    broadcaster.server = Server(link)

    broadcaster.publish("channel:general", ServerEvent.TYPING, 1, except_socket=SocketId("s"))

    assert [(ROOM, frozenset({"s"}), "typing", (1,))] == link.broadcasts


def test_publish_excludes_all_sockets_of_a_user_when_except_user_is_given() -> None:
    link, broadcaster = RecordingLink(), RoomBroadcaster()
    broadcaster.server = Server(link)

    broadcaster.publish("channel:general", ServerEvent.PRESENCE, 1, except_user=UserId("u"))

    assert [(ROOM, frozenset({"user:u"}), "presence", (1,))] == link.broadcasts
