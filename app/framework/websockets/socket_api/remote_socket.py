"""`RemoteSocket`: a socket of another node of the cluster."""

from collections.abc import Awaitable, Iterable, Mapping
from collections.abc import Set as AbstractSet
from typing import Any

from app.framework.websockets.broadcast import BroadcastOperator, Hub, Room
from app.framework.websockets.socket import Handshake


class RemoteSocket:
    """A socket of another node, as ``fetch_sockets`` returned it. The attributes do not change.

    Attributes:
        handshake: The socket's handshake; nodes in Python send neither ``auth`` nor credentials.
        data: The values of the socket's ``data`` that have a JSON form.
    """

    __slots__ = ("_hub", "data", "handshake", "id", "rooms")

    def __init__(
        self,
        hub: Hub,
        socket_id: str,
        handshake: Handshake,
        rooms: Iterable[str],
        data: Mapping[str, Any],
    ) -> None:
        self._hub = hub
        self.id = socket_id
        self.handshake = handshake
        self.rooms: AbstractSet[str] = frozenset(rooms)
        self.data = data

    def emit(self, event: str, *args: Any) -> None:
        """Queue an event for the socket."""
        self._select().emit(event, *args)

    def join(self, *rooms: Room) -> Awaitable[None]:
        """Add the socket to rooms."""
        return self._select().sockets_join(*rooms)

    def leave(self, room: str) -> Awaitable[None]:
        """Remove the socket from a room."""
        return self._select().sockets_leave(room)

    def disconnect(self, close: bool = False) -> None:  # noqa: FBT001, FBT002 - socket.io's
        """Disconnect the socket; see `Socket.disconnect`."""
        self._select().disconnect_sockets(close)

    def _select(self) -> BroadcastOperator:
        return BroadcastOperator(self._hub, frozenset({self.id}))
