"""How services reach rooms: a gateway without events, as Nest has it for a service that emits."""

from app.domain.events import ServerEvent
from app.domain.ids import SocketId
from app.framework import WebSocketServer, web_socket_gateway
from app.ports import Broadcaster

_VOLATILE = frozenset({ServerEvent.TYPING})
"""What is soon out of date: it does not wait for clients that do not read."""


@web_socket_gateway()
class RoomBroadcaster(Broadcaster):
    """The `Broadcaster` of this process: the sockets of the gateway's namespace."""

    server = WebSocketServer()

    def publish(
        self,
        room: str,
        event: ServerEvent,
        payload: object,
        *,
        except_socket: SocketId | None = None,
    ) -> None:
        """Queue for every admitted member; the transport encodes once."""
        recipients = self.server.to(room)
        if except_socket is not None:
            recipients = recipients.except_(except_socket)
        if event in _VOLATILE:
            recipients = recipients.volatile
        recipients.emit(event, payload)
