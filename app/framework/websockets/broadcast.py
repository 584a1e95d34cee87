"""`BroadcastOperator`: selects sockets of a namespace. Its methods have socket.io's names.

Only sockets of this process are selected. Methods that could also reach other nodes in socket.io
return awaitables here too. If such a method has done its work when it returns, the awaitable is
`DONE`, and awaiting it is optional.
"""

from collections.abc import Awaitable, Generator, Iterable, Mapping
from typing import TYPE_CHECKING, Any, Protocol

from app.framework.websockets.socket_api.acks import ACK_SECONDS, collect_acks
from app.framework.websockets.socket_api.middleware import Middleware

if TYPE_CHECKING:
    from app.framework.websockets.socket import Socket

RESERVED_EVENTS = frozenset(
    {"connect", "connect_error", "disconnect", "disconnecting", "newListener", "removeListener"}
)
"""The event names that socket.io-parser reserves: neither client nor server may send them."""

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

    def broadcast(
        self,
        rooms: frozenset[str],
        except_rooms: frozenset[str],
        event: str,
        args: tuple[Any, ...],
        *,
        volatile: bool = False,
    ) -> None:
        """Queue an event once for each socket in any of ``rooms`` (for all sockets if empty).

        Sockets in any of ``except_rooms`` are left out.
        """

    def sockets(self, rooms: frozenset[str], except_rooms: frozenset[str]) -> "tuple[Socket, ...]":
        """See `BroadcastOperator.local_sockets`."""

    def of(self, namespace: str) -> "Hub":
        """See `Server.of`."""

    def use(self, middleware: Middleware) -> None:
        """See `Server.use`."""


class BroadcastOperator:
    """Selects the recipients: ``server.to("room").except_("other").emit("event", data)``.

    An operator is immutable: `to`, `except_` and `volatile` return a new operator. Therefore an
    operator may be used repeatedly. Rooms may be given one by one or as a list.
    """

    __slots__ = ("_except", "_hub", "_rooms", "_volatile")

    def __init__(
        self,
        hub: Hub,
        rooms: frozenset[str] = frozenset(),
        except_rooms: frozenset[str] = frozenset(),
        *,
        volatile: bool = False,
    ) -> None:
        self._hub = hub
        self._rooms = rooms
        self._except = except_rooms
        self._volatile = volatile

    def to(self, *rooms: Room) -> "BroadcastOperator":
        """Add rooms. A socket that is in several of these rooms receives the event once."""
        for room in rooms:
            if not isinstance(room, str):
                rooms = (*room_names(rooms),)
                break
        wanted: frozenset[Any] = self._rooms.union(rooms)
        return BroadcastOperator(self._hub, wanted, self._except, volatile=self._volatile)

    in_ = to
    """Socket.IO's ``in``: an alias of `to`."""

    def except_(self, *rooms: Room) -> "BroadcastOperator":
        """Exclude the sockets in these rooms. A socket's id is the name of its own room."""
        for room in rooms:
            if not isinstance(room, str):
                rooms = (*room_names(rooms),)
                break
        unwanted: frozenset[Any] = self._except.union(rooms)
        return BroadcastOperator(self._hub, self._rooms, unwanted, volatile=self._volatile)

    @property
    def volatile(self) -> "BroadcastOperator":
        """Exclude clients that are not reading now. Use this for data that is soon outdated."""
        return BroadcastOperator(self._hub, self._rooms, self._except, volatile=True)

    def emit(self, event: str, *args: Any) -> None:
        """Queue the event for all recipients; raise ValueError if the event's name is reserved."""
        if event in RESERVED_EVENTS:
            raise reserved(event)
        self._hub.broadcast(self._rooms, self._except, event, args, volatile=self._volatile)

    async def emit_with_ack(
        self, event: str, *args: Any, timeout_seconds: float = ACK_SECONDS
    ) -> list[Any]:
        """Emit to the selected sockets, and return the first argument of each client's ack.

        The result omits sockets that are still connecting, and sockets that disconnect before they
        ack.

        Raises:
            AckTimeoutError: A client did not ack in time. The error has the received acks.
            ValueError: The name of the event is reserved.
        """
        return await collect_acks(
            socket.emit_with_ack(event, *args, timeout_seconds=timeout_seconds)
            for socket in self.local_sockets()
        )

    def local_sockets(self) -> "tuple[Socket, ...]":
        """Return the selected sockets of this process, without duplicates.

        A socket that is still connecting counts as a member of the rooms that it will join.
        """
        return self._hub.sockets(self._rooms, self._except)

    async def fetch_sockets(self) -> "tuple[Socket, ...]":
        """Return the selected sockets, without duplicates."""
        return self.local_sockets()

    def sockets_join(self, *rooms: Room) -> Awaitable[None]:
        """Add the selected sockets to these rooms."""
        for socket in self.local_sockets():
            socket.join(*rooms)
        return DONE

    def sockets_leave(self, *rooms: Room) -> Awaitable[None]:
        """Remove the selected sockets from these rooms."""
        names = room_names(rooms)
        for socket in self.local_sockets():
            for room in names:
                socket.leave(room)
        return DONE

    def disconnect_sockets(
        self,
        close: bool = False,  # noqa: FBT001, FBT002 - socket.io's signature
    ) -> Awaitable[None]:
        """Disconnect the selected sockets; see `Socket.disconnect`."""
        for socket in self.local_sockets():
            socket.disconnect(close)
        return DONE


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
