from dataclasses import dataclass

from app.framework import Socket
from app.framework.platform_socketio.socket_io.rooms import RoomLink
from app.framework.platform_socketio.websocket.write_batcher import WriteBatcher
from app.framework.testing import fake_socket
from tests.unit.framework.platform_socketio.recipient import Recorder


@dataclass
class AdmittedLink:
    """The link of an admitted socket."""

    sid: str
    socket: Socket
    pending_rooms: frozenset[str] = frozenset()

    def queue_broadcast(self, packet: bytes) -> None:
        raise AssertionError(packet)


class RoomClient(Recorder):
    """A connection with one admitted socket; counts how often it is hashed."""

    def __init__(self, sid: str, batcher: WriteBatcher, namespace: str = "/") -> None:
        super().__init__()
        self.sid = f"connection of {sid}"
        self.socket = fake_socket(Socket, socket_id=sid)
        self.links: dict[str, RoomLink] = {namespace: AdmittedLink(sid, self.socket)}
        self.hash_count = 0
        self._batcher = batcher

    def send_frame(self, frame: bytes) -> None:
        self._batcher.queue_frame(self, frame)

    def __hash__(self) -> int:
        self.hash_count += 1
        return id(self)

    def __eq__(self, other: object) -> bool:
        return self is other
