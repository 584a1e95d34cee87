"""Implements `SocketRooms` as a gateway without event handlers, like `RoomBroadcaster`."""

from collections.abc import Collection, Iterable

from app.domain.ids import SocketId, UserId
from app.domain.rooms import user_room
from app.framework import Socket, WebSocketServer, web_socket_gateway
from app.ports import SocketRooms
from app.sockets.authenticated_socket import AuthenticatedSocket


@web_socket_gateway()
class GatewaySocketRooms(SocketRooms):
    """Moves the sockets of this process, in the gateway's namespace."""

    server = WebSocketServer()

    def users_in(self, room: str) -> frozenset[UserId]:
        return frozenset(_owners(self.server.in_(room).local_sockets()).values())

    def has_user(self, user_id: UserId, room: str) -> bool:
        sockets = self.server.in_(user_room(user_id))
        return len(sockets.except_(room).local_sockets()) < len(sockets.local_sockets())

    def is_empty(self, room: str) -> bool:
        return room not in self.server.adapter.rooms

    def join(self, user_ids: Collection[UserId], room: str) -> dict[SocketId, UserId]:
        if not user_ids:  # `in_()` without rooms selects every socket
            return {}
        outside = self.server.in_(*map(user_room, user_ids)).except_(room).local_sockets()
        for socket in outside:
            socket.join(room)
        return _owners(outside)

    def leave(self, user_ids: Collection[UserId], room: str) -> dict[SocketId, UserId]:
        if not user_ids:
            return {}
        sockets = self.server.in_(*map(user_room, user_ids))
        # Compute the sockets in the room as a difference: `Socket.rooms` copies all rooms of a
        # socket, and a socket may be in thousands of rooms.
        outside = set(sockets.except_(room).local_sockets())
        inside = [each for each in sockets.local_sockets() if each not in outside]
        for socket in inside:
            socket.leave(room)
        return _owners(inside)


def _owners(sockets: Iterable[Socket]) -> dict[SocketId, UserId]:
    # Every socket of the namespace is an `AuthenticatedSocket`; the check tells mypy the type.
    return {each.id: each.user_id for each in sockets if isinstance(each, AuthenticatedSocket)}
