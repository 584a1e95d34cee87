"""python-socketio's room manager, on top of `NamespaceRooms`.

In python-socketio 5.18 a room is a ``bidict`` of ids, and an emit starts a task per recipient; here
a room is a `RecipientGroup` of connections. `RoomManager` overrides the methods of `BaseManager`
and `AsyncManager` that access rooms, except the methods that admit or disconnect a socket, because
`ServerSocketLink` does both. The library defines and uses the attributes ``rooms`` and
``callbacks``. ``test_library_internals.py`` checks all of this.
"""

from collections.abc import Iterator
from typing import Any

import socketio

from app.framework.platform_socketio.socket_io.dynamic_namespaces import DynamicNamespace
from app.framework.platform_socketio.socket_io.rooms import NamespaceRooms
from app.framework.platform_socketio.websocket.write_batcher import WriteBatcher
from app.framework.websockets.broadcast import Hub
from app.framework.websockets.socket_api.acks import AwaitedAck
from app.framework.websockets.socket_api.cluster_adapter import Cluster, ClusterAdapter

MAX_AWAITED_ACKS = 64
"""The maximum number of acks of one socket for which the server waits at the same time."""


class RoomManager(socketio.AsyncManager):
    """The rooms of all namespaces, with python-socketio's methods.

    Attributes:
        rooms: The rooms by namespace. The library requires this attribute.
        callbacks: The callbacks for acks that clients have not sent yet, by socket id. The library
            adds and calls these callbacks.
        dynamic: The namespaces by pattern.
        connect_timeout_seconds: The time limit of a middleware.
        allows_binary: Whether events and acks may contain bytes.
        cluster: The other nodes; None if this process is the only one.
    """

    rooms: dict[str, NamespaceRooms]
    server: Any

    def __init__(
        self,
        batcher: WriteBatcher,
        connect_timeout_seconds: float = 10.0,
        *,
        allows_binary: bool = False,
    ) -> None:
        super().__init__()
        self.allows_binary = allows_binary
        self.connect_timeout_seconds = connect_timeout_seconds
        self.dynamic: dict[str, DynamicNamespace] = {}
        self.cluster: Cluster | None = None
        self._batcher = batcher
        """Writes frames to the members of rooms."""
        self._no_rooms = NamespaceRooms("", batcher, self)
        """A namespace without sockets, which stands for every namespace that is not open."""

    def open_namespace(self, namespace: str) -> NamespaceRooms:
        """Create the rooms of a namespace."""
        rooms = NamespaceRooms(namespace, self._batcher, self)
        self.rooms[namespace] = rooms
        rooms.open()
        return rooms

    def new_cluster_adapter(self, hub: NamespaceRooms) -> ClusterAdapter | None:
        """See `RoomOwner.new_cluster_adapter`."""
        return None if self.cluster is None else self.cluster.create_adapter(hub)

    def find_hub(self, namespace: str) -> Hub:
        """Return a namespace by its name or pattern.

        Raises:
            ValueError: No gateway has the namespace.
        """
        hub = self.dynamic.get(namespace) or self.rooms.get(namespace)
        if hub is not None:
            return hub
        for dynamic in self.dynamic.values():
            closed = dynamic.find_closed(namespace)
            if closed is not None:
                return closed
        raise ValueError(f"no gateway has the namespace {namespace}")

    def rooms_in(self, namespace: str) -> NamespaceRooms:
        """Return the rooms of a namespace, or an object without rooms if it is not open."""
        return self.rooms.get(namespace, self._no_rooms)

    async def emit(
        self,
        event: str,
        data: Any,
        namespace: str,
        room: str | list[str] | None = None,
        skip_sid: str | list[str] | None = None,
        callback: Any = None,
        to: str | list[str] | None = None,
        **kwargs: Any,
    ) -> None:
        """Broadcast an event.

        With a callback, the library sends the event, and calls the callback for each ack.
        """
        target = to or room
        if callback is not None:
            await super().emit(event, data, namespace, target, skip_sid, callback, **kwargs)
            return
        args = data if isinstance(data, tuple) else () if data is None else (data,)
        self.rooms_in(namespace).broadcast(_as_set(target), _as_set(skip_sid), event, args)

    def basic_enter_room(
        self,
        sid: str,
        namespace: str,
        room: str | None,
        eio_sid: str | None = None,  # noqa: ARG002 - the library's signature
    ) -> None:
        """See `NamespaceRooms.add_to_room`."""
        self.rooms_in(namespace).add_to_room(sid, room)

    def basic_leave_room(self, sid: str, namespace: str, room: str | None) -> None:
        """See `NamespaceRooms.remove_from_room`."""
        self.rooms_in(namespace).remove_from_room(sid, room)

    def basic_disconnect(self, sid: str, namespace: str, **_: Any) -> None:
        """See `NamespaceRooms.remove_socket`."""
        self.rooms_in(namespace).remove_socket(sid)

    def get_rooms(self, sid: str, namespace: str) -> list[str]:
        """See `NamespaceRooms.rooms_of`."""
        return self.rooms_in(namespace).rooms_of(sid)

    def get_participants(
        self, namespace: str, room: str | list[str] | None
    ) -> Iterator[tuple[str, str]]:
        """Yield the socket and connection ids of the members of these rooms (None: all sockets)."""
        members = self.rooms_in(namespace).members_of_any(_as_set(room) or (None,))
        yield from [(member.links[namespace].sid, member.sid) for member in members]

    def is_connected(self, sid: str, namespace: str) -> bool:
        """Return whether the socket is admitted and has not disconnected."""
        return sid in self.rooms_in(namespace).all_members

    def is_sid_room(self, namespace: str, room: str | None) -> bool:
        """Return whether the room is named after the id of a socket."""
        return room in self.rooms_in(namespace).all_members

    def eio_sid_from_sid(self, sid: str, namespace: str) -> str | None:
        """Return the id of a socket's connection; None if the socket is not admitted."""
        connection = self.rooms_in(namespace).all_members.get(sid)
        return None if connection is None else connection.sid

    @property
    def clients_count(self) -> int:
        """The number of open connections of the server."""
        return len(self.server.eio.sockets)

    def expect_ack(self, sid: str) -> tuple[int, AwaitedAck]:
        """Register an ack that a socket should send; return the event's id and the ack.

        Raises:
            RuntimeError: The server is waiting for too many acks of this socket.
        """
        if len(self.callbacks.get(sid, ())) > MAX_AWAITED_ACKS:
            raise RuntimeError(f"more than {MAX_AWAITED_ACKS} acks of the client are awaited")
        ack = AwaitedAck()
        packet_id: int = self._generate_ack_id(sid, ack)  # type: ignore[attr-defined]  # untyped
        return packet_id, ack

    def forget_ack(self, sid: str, packet_id: int) -> None:
        """Stop waiting for an ack. If the client still sends the ack, it is ignored."""
        self.callbacks.get(sid, {}).pop(packet_id, None)

    def forget_callbacks(self, sid: str) -> None:
        """Drop the callbacks for acks that a socket has not sent; awaiting such an ack fails."""
        for ack in self.callbacks.pop(sid, {}).values():
            if isinstance(ack, AwaitedAck):
                ack.abandon()


def _as_set(rooms: str | list[str] | None) -> frozenset[str]:
    if rooms is None:
        return frozenset()
    return frozenset([rooms] if isinstance(rooms, str) else rooms)
