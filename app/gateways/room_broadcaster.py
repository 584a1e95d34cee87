"""Implements `Broadcaster` as a gateway without event handlers: in Nest, gateways emit events."""

from app.domain.events import ServerEvent
from app.domain.ids import SocketId, UserId
from app.domain.rooms import user_room
from app.framework import WebSocketServer, web_socket_gateway
from app.ports import Broadcaster

_VOLATILE = frozenset({ServerEvent.TYPING})
"""Events that soon become obsolete, so they are dropped for clients that read too slowly."""


@web_socket_gateway()
class RoomBroadcaster(Broadcaster):
    """Publishes to the sockets of all nodes, in the gateway's namespace."""

    server = WebSocketServer()

    def publish(
        self,
        room: str,
        event: ServerEvent,
        payload: object,
        *,
        also_to: str | None = None,
        except_socket: SocketId | None = None,
        except_user: UserId | None = None,
        local: bool = False,
    ) -> None:
        recipients = self.server.to(room)
        if also_to is not None:
            recipients = recipients.to(also_to)
        if local:
            recipients = recipients.local
        if except_socket is not None:
            recipients = recipients.except_(except_socket)
        if except_user is not None:
            recipients = recipients.except_(user_room(except_user))
        if event in _VOLATILE:
            recipients = recipients.volatile
        recipients.emit(event, payload)
