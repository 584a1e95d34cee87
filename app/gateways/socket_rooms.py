"""How services move users between rooms: a gateway without events, as `RoomBroadcaster` is."""

from collections.abc import Collection, Iterable

from app.domain.ids import SocketId, UserId
from app.domain.rooms import user_room
from app.framework import Socket, WebSocketServer, web_socket_gateway
from app.ports import SocketRooms
from app.sockets.authenticated_socket import AuthenticatedSocket


@web_socket_gateway()
class GatewaySocketRooms(SocketRooms):
    """The `SocketRooms` of this process: the sockets of the gateway's namespace."""

    server = WebSocketServer()

    def users_in(self, room: str) -> frozenset[UserId]:
        """Who has a socket in the room."""
        return frozenset(_owners(self.server.in_(room).fetch_sockets()).values())

    def join(self, user_ids: Collection[UserId], room: str) -> dict[SocketId, UserId]:
        """Have the sockets that are not in the room join it."""
        if not user_ids:  # no room would mean everybody
            return {}
        outside = self.server.in_(*map(user_room, user_ids)).except_(room).fetch_sockets()
        for socket in outside:
            socket.join(room)
        return _owners(outside)

    def leave(self, user_ids: Collection[UserId], room: str) -> dict[SocketId, UserId]:
        """Have the sockets that are in the room leave it."""
        if not user_ids:
            return {}
        sockets = self.server.in_(*map(user_room, user_ids))
        # Not by each socket's own rooms, which may be thousands.
        outside = set(sockets.except_(room).fetch_sockets())
        inside = [each for each in sockets.fetch_sockets() if each not in outside]
        for socket in inside:
            socket.leave(room)
        return _owners(inside)


def _owners(sockets: Iterable[Socket]) -> dict[SocketId, UserId]:
    # In rooms there are none but authenticated sockets; the namespace's class says so.
    return {each.id: each.user_id for each in sockets if isinstance(each, AuthenticatedSocket)}
