from app.domain.events import ServerEvent
from app.domain.ids import SocketId
from tests.doubles.recording_broadcaster import Publication, RecordingBroadcaster


def test_published_holds_every_call_in_order_when_several_were_made() -> None:
    broadcaster = RecordingBroadcaster()

    broadcaster.publish("channel:b", ServerEvent.TYPING, "two", except_socket=SocketId("s"))
    broadcaster.publish("channel:a", ServerEvent.ERROR, "one")

    assert [
        Publication("channel:b", ServerEvent.TYPING, "two", SocketId("s")),
        Publication("channel:a", ServerEvent.ERROR, "one", None),
    ] == broadcaster.published
