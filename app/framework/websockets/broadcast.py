"""`BroadcastOperator`: selects sockets of a namespace. Its methods have socket.io's names.

With a cluster adapter, the sockets of all nodes are selected; otherwise those of this process.
Methods that are async in socket.io return awaitables here too. If such a method has done its work
when it returns, the awaitable is `DONE`, and awaiting it is optional.
"""

import asyncio
from collections.abc import Awaitable, Generator, Iterable, Mapping
from typing import TYPE_CHECKING, Any, Protocol, cast

from app.framework.websockets.socket_api.acks import ACK_SECONDS, AckTimeoutError, collect_acks
from app.framework.websockets.socket_api.cluster_adapter import ClusterAdapter, Selection
from app.framework.websockets.socket_api.middleware import Middleware

if TYPE_CHECKING:
    from app.framework.websockets.socket import Socket
    from app.framework.websockets.socket_api.remote_socket import RemoteSocket
    from app.framework.websockets.socket_api.server_events import ServerEvents

RESERVED_EVENTS = frozenset(
    {"connect", "connect_error", "disconnect", "disconnecting", "newListener", "removeListener"}
)
"""The event names that socket.io-parser reserves: neither client nor server may send them."""

FETCH_SECONDS = 5.0
"""The default time limit of `BroadcastOperator.fetch_sockets`, as in Node."""

Room = str | Iterable[str]
"""The name of a room, or several names."""


class Done:
    """An awaitable that completes immediately, so ``client.join(room)`` may be awaited or not.

    Methods return the shared instance `DONE`, so that a call allocates nothing.
    """

    __slots__ = ()

    def __await__(self) -> Generator[Any, None, None]:
        """Return immediately."""
        yield from ()


DONE = Done()


class Hub(Protocol):
    """Gives access to all sockets of one namespace. `NamespaceRooms` implements it."""

    @property
    def namespace(self) -> str:
        """The name of the namespace."""

    @property
    def params(self) -> Mapping[str, str]:
        """See `Server.params`."""

    @property
    def socket_count(self) -> int:
        """The number of sockets, including those that are still connecting."""

    @property
    def clients_count(self) -> int:
        """The number of open connections of this Socket.IO server, over all namespaces."""

    @property
    def cluster(self) -> ClusterAdapter | None:
        """The other nodes; None if this process is the only one."""

    @property
    def server_events(self) -> "ServerEvents":
        """The listeners for events of other servers."""

    def broadcast(
        self,
        rooms: frozenset[str],
        except_rooms: frozenset[str],
        event: str,
        args: tuple[Any, ...],
        *,
        volatile: bool = False,
        local: bool = False,
    ) -> None:
        """Queue an event once for each socket in any of ``rooms`` (for all sockets if empty).

        Sockets in any of ``except_rooms`` are left out. With ``local``, the event is not sent to
        other nodes.
        """

    def sockets(self, rooms: frozenset[str], except_rooms: frozenset[str]) -> "tuple[Socket, ...]":
        """See `BroadcastOperator.local_sockets`."""

    def has_sockets(self, room: str) -> bool:
        """Return whether a socket of this process is in a room.

        The time does not depend on the number of members.
        """

    def of(self, namespace: str) -> "Hub":
        """See `Server.of`."""

    def use(self, middleware: Middleware) -> None:
        """See `Server.use`."""


class BroadcastOperator:
    """Selects the recipients: ``server.to("room").except_("other").emit("event", data)``.

    An operator is immutable: `to`, `except_` and `volatile` return a new operator. Therefore an
    operator may be used repeatedly. Rooms may be given one by one or as a list.
    """

    __slots__ = ("_except", "_hub", "_local", "_rooms", "_volatile")

    def __init__(
        self,
        hub: Hub,
        rooms: frozenset[str] = frozenset(),
        except_rooms: frozenset[str] = frozenset(),
        *,
        volatile: bool = False,
        local: bool = False,
    ) -> None:
        self._hub = hub
        self._rooms = rooms
        self._except = except_rooms
        self._volatile = volatile
        self._local = local

    def to(self, *rooms: Room) -> "BroadcastOperator":
        """Add rooms. A socket that is in several of these rooms receives the event once."""
        return self._select(self._rooms.union(_names(rooms)), self._except)

    in_ = to
    """Socket.IO's ``in``: an alias of `to`."""

    def except_(self, *rooms: Room) -> "BroadcastOperator":
        """Exclude the sockets in these rooms. A socket's id is the name of its own room."""
        return self._select(self._rooms, self._except.union(_names(rooms)))

    @property
    def volatile(self) -> "BroadcastOperator":
        """Exclude clients that are not reading now. Use this for data that is soon outdated."""
        return BroadcastOperator(
            self._hub, self._rooms, self._except, volatile=True, local=self._local
        )

    @property
    def local(self) -> "BroadcastOperator":
        """Select sockets of this node only."""
        return BroadcastOperator(
            self._hub, self._rooms, self._except, volatile=self._volatile, local=True
        )

    def emit(self, event: str, *args: Any) -> None:
        """Queue the event for all recipients; raise ValueError if the event's name is reserved."""
        if event in RESERVED_EVENTS:
            raise reserved(event)
        self._hub.broadcast(
            self._rooms, self._except, event, args, volatile=self._volatile, local=self._local
        )

    async def emit_with_ack(
        self, event: str, *args: Any, timeout_seconds: float = ACK_SECONDS
    ) -> list[Any]:
        """Emit to the selected sockets, and return the first argument of each client's ack.

        The result omits sockets of this node that are still connecting, or disconnect before they
        ack.

        Raises:
            AckTimeoutError: A client did not ack in time. The error has the received acks.
            ConnectionError: The other nodes cannot be reached.
            ValueError: The name of the event is reserved.
        """
        own = collect_acks(
            socket.emit_with_ack(event, *args, timeout_seconds=timeout_seconds)
            for socket in self.local_sockets()
        )
        cluster = self._cluster
        if cluster is None:
            return await own
        others = cluster.emit_with_ack(self._selection, event, args, timeout_seconds)
        return await _join_acks(own, others)

    def local_sockets(self) -> "tuple[Socket, ...]":
        """Return the selected sockets of this process, without duplicates.

        A socket that is still connecting counts as a member of the rooms that it will join.
        """
        return self._hub.sockets(self._rooms, self._except)

    async def fetch_sockets(
        self, timeout_seconds: float = FETCH_SECONDS
    ) -> "tuple[Socket | RemoteSocket, ...]":
        """Return the selected sockets of all nodes, without duplicates.

        Raises:
            TimeoutError: A node did not answer in time.
            ConnectionError: The other nodes cannot be reached.
        """
        cluster = self._cluster
        if cluster is None:
            return self.local_sockets()
        others = await cluster.fetch_sockets(self._selection, timeout_seconds)
        return (*self.local_sockets(), *others)

    def sockets_join(self, *rooms: Room) -> Awaitable[None]:
        """Add the selected sockets to these rooms."""
        names = room_names(rooms)
        for socket in self.local_sockets():
            socket.join(*names)
        if self._cluster is not None:
            self._cluster.publish_join(self._selection, names)
        return DONE

    def sockets_leave(self, *rooms: Room) -> Awaitable[None]:
        """Remove the selected sockets from these rooms."""
        names = room_names(rooms)
        for socket in self.local_sockets():
            for room in names:
                socket.leave(room)
        if self._cluster is not None:
            self._cluster.publish_leave(self._selection, names)
        return DONE

    def disconnect_sockets(
        self,
        close: bool = False,  # noqa: FBT001, FBT002 - socket.io's signature
    ) -> Awaitable[None]:
        """Disconnect the selected sockets; see `Socket.disconnect`."""
        for socket in self.local_sockets():
            socket.disconnect(close)
        if self._cluster is not None:
            self._cluster.publish_disconnect(self._selection, close=close)
        return DONE

    @property
    def _cluster(self) -> ClusterAdapter | None:
        return None if self._local else self._hub.cluster

    @property
    def _selection(self) -> Selection:
        return Selection(self._rooms, self._except)

    def _select(self, rooms: frozenset[str], except_rooms: frozenset[str]) -> "BroadcastOperator":
        return BroadcastOperator(
            self._hub, rooms, except_rooms, volatile=self._volatile, local=self._local
        )


async def _join_acks(own: Awaitable[list[Any]], others: Awaitable[list[Any]]) -> list[Any]:
    """Return the acks of this node and of the other nodes."""
    results = await asyncio.gather(own, others, return_exceptions=True)
    acks: list[Any] = []
    is_late = False
    for result in results:
        if isinstance(result, AckTimeoutError):
            is_late = True
            acks += result.responses
        elif isinstance(result, BaseException):
            raise result
        else:
            acks += result
    if is_late:
        raise AckTimeoutError(acks)
    return acks


def _names(rooms: tuple[Room, ...]) -> Iterable[str]:
    """Like `room_names`, but without a new list in the usual case, in which all are strings."""
    for room in rooms:
        if not isinstance(room, str):
            return room_names(rooms)
    return cast("tuple[str, ...]", rooms)


def room_names(rooms: Iterable[Room]) -> list[str]:
    """Return one list of names for rooms that are given one by one or as lists.

    Raises:
        TypeError: The name of a room is not a string.
    """
    names: list[str] = []
    for room in rooms:
        if isinstance(room, str):
            names.append(room)
        elif isinstance(room, Iterable):
            names += room
        else:
            raise not_a_room(room)
    for name in names:
        if not isinstance(name, str):
            raise not_a_room(name)
    return names


def not_a_room(name: object) -> TypeError:
    """Return the error for a room whose name is not a string."""
    kind = type(name).__name__
    return TypeError(f"the name of a room must be a string, not {kind}; convert it with str()")


def reserved(event: str) -> ValueError:
    """Return the error for an event name that the client's parser would reject."""
    return ValueError(f"'{event}' is a reserved event name")
