"""The sockets and rooms of a namespace on this server, with the names of socket.io in Node.js."""

from collections.abc import Iterator, Mapping
from collections.abc import Set as AbstractSet
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from app.framework.websockets.broadcast import Hub
    from app.framework.websockets.socket import Socket

_ALL: frozenset[str] = frozenset()


class SocketMap(Mapping[str, "Socket"]):
    """Node's ``namespace.sockets``: the sockets by id, a live view."""

    __slots__ = ("_hub",)

    def __init__(self, hub: "Hub") -> None:
        self._hub = hub

    def __getitem__(self, socket_id: str) -> "Socket":
        """Return the socket with this id."""
        for socket in self._hub.sockets(frozenset({socket_id}), _ALL):
            if socket.id == socket_id:  # other sockets may have joined this room
                return socket
        raise KeyError(socket_id)

    def __iter__(self) -> Iterator[str]:
        """Iterate over the ids."""
        return iter([socket.id for socket in self._hub.sockets(_ALL, _ALL)])

    def __len__(self) -> int:
        """Return the number of sockets, without collecting the sockets."""
        return self._hub.socket_count


class RoomMap(Mapping[str, AbstractSet[str]]):
    """Node's ``adapter.rooms``: the ids of the sockets in each room, a live view."""

    __slots__ = ("_hub",)

    def __init__(self, hub: "Hub") -> None:
        self._hub = hub

    def __getitem__(self, room: object) -> AbstractSet[str]:
        """Return the ids of the sockets in a room, in the order of joining."""
        # A payload of null must not select the group of all sockets, whose name is None.
        sockets = self._hub.sockets(frozenset({room}), _ALL) if isinstance(room, str) else ()
        if not sockets:
            raise KeyError(room)
        return dict.fromkeys(socket.id for socket in sockets).keys()

    def __contains__(self, room: object) -> bool:
        """Return whether a room has sockets, without collecting the sockets."""
        return isinstance(room, str) and self._hub.has_sockets(room)

    def __iter__(self) -> Iterator[str]:
        """Iterate over the rooms, including the room named after each socket's id."""
        return iter({room for socket in self._hub.sockets(_ALL, _ALL) for room in socket.rooms})

    def __len__(self) -> int:
        """Return the number of rooms."""
        return sum(1 for _ in self)


class SidMap(Mapping[str, AbstractSet[str]]):
    """Node's ``adapter.sids``: the rooms of each socket, a live view."""

    __slots__ = ("_sockets",)

    def __init__(self, sockets: SocketMap) -> None:
        self._sockets = sockets

    def __getitem__(self, socket_id: str) -> AbstractSet[str]:
        """Return the rooms of a socket."""
        return self._sockets[socket_id].rooms

    def __iter__(self) -> Iterator[str]:
        """Iterate over the ids of the sockets."""
        return iter(self._sockets)

    def __len__(self) -> int:
        """Return the number of sockets."""
        return len(self._sockets)


class Adapter(NamedTuple):
    """Node's ``namespace.adapter``: the rooms of this node."""

    rooms: RoomMap
    sids: SidMap


class Engine(NamedTuple):
    """Node's ``server.engine``."""

    clients_count: int
    """The number of open connections of this Socket.IO server, over all namespaces."""
