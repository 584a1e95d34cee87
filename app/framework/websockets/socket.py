"""`Socket`, one client as a handler sees it, and `Server`, all of them: socket.io's names.

Both speak to the transport through the narrow `SocketLink` and `Hub`, so a test can stand in
for the network (see `testing.RecordingLink`).
"""

from collections.abc import Coroutine, Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Protocol

RESERVED_EVENTS = frozenset(
    {"connect", "connect_error", "disconnect", "disconnecting", "newListener", "removeListener"}
)
"""Names neither side may send, as socket.io-parser has them."""


@dataclass(frozen=True, slots=True)
class Handshake:
    """How the client came: fixed for the life of the socket, and bounded by the transport.

    Attributes:
        auth: The object of the CONNECT packet, empty when it sent none.
        headers: Of the upgrade request, names in lower case.
        query: Of the upgrade request's URL.
        address: The peer, behind trusted proxies the client they name.
        issued: When the socket connected, aware UTC.
    """

    auth: Mapping[str, Any]
    headers: Mapping[str, str]
    query: Mapping[str, str]
    address: str
    issued: datetime


class Hub(Protocol):
    """Reaches all sockets of one namespace."""

    def broadcast(
        self,
        rooms: frozenset[str],
        except_rooms: frozenset[str],
        event: str,
        args: tuple[Any, ...],
        *,
        volatile: bool = False,
    ) -> None:
        """Queue an event for every socket in any of ``rooms`` (none: everywhere), once each."""

    def sockets(self, rooms: frozenset[str], except_rooms: frozenset[str]) -> "tuple[Socket, ...]":
        """See `BroadcastOperator.fetch_sockets`."""


class SocketLink(Protocol):
    """What a socket needs of the transport."""

    @property
    def hub(self) -> Hub:
        """The sockets of the client's namespace."""

    @property
    def connected(self) -> bool:
        """Whether the client is admitted and has not left."""

    @property
    def answers_pings(self) -> bool:
        """See `Socket.answers_pings`."""

    @property
    def rooms(self) -> frozenset[str]:
        """The rooms joined; empty once disconnected."""

    def emit(self, event: str, args: tuple[Any, ...]) -> None:
        """See `Socket.emit`."""

    def run_aside(self, work: Coroutine[Any, Any, None]) -> bool:
        """See `Socket.run_aside`."""

    async def hold(self, seconds: float) -> None:
        """See `Socket.hold`."""

    def join(self, rooms: Iterable[str]) -> None:
        """See `Socket.join`."""

    def leave(self, room: str) -> None:
        """See `Socket.leave`."""

    def disconnect(self, *, close: bool) -> None:
        """See `Socket.disconnect`."""

    def refuse(self, message: str, data: Any) -> None:
        """See `Socket.refuse`."""

    def close_transport(self, *, answer_connect: bool) -> None:
        """See `Socket.close_transport`."""


class BroadcastOperator:
    """Who is meant: ``server.to("room").except_("other").emit("event", data)``.

    Immutable: each step gives a new operator, so one may be kept and used again.
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

    def to(self, *rooms: str) -> "BroadcastOperator":
        """Add rooms; a socket in several of them gets the event once."""
        wanted = self._rooms.union(rooms)
        return BroadcastOperator(self._hub, wanted, self._except, volatile=self._volatile)

    in_ = to
    """Socket.IO's ``in``: the same as `to`, and reads better where nothing is sent."""

    def except_(self, *rooms: str) -> "BroadcastOperator":
        """Leave out who is in one of these rooms. A socket's id is a room of its own."""
        unwanted = self._except.union(rooms)
        return BroadcastOperator(self._hub, self._rooms, unwanted, volatile=self._volatile)

    @property
    def volatile(self) -> "BroadcastOperator":
        """Leave out who does not read at present: for what is soon out of date."""
        return BroadcastOperator(self._hub, self._rooms, self._except, volatile=True)

    def emit(self, event: str, *args: Any) -> None:
        """Queue the event for everyone meant, in the order of the calls. Nothing is waited for.

        Raises:
            ValueError: The name is reserved.
        """
        require_event_name(event)
        self._hub.broadcast(self._rooms, self._except, event, args, volatile=self._volatile)

    def fetch_sockets(self) -> "tuple[Socket, ...]":
        """The sockets of this process that are meant, once each.

        One that is being admitted counts as being where it will be.
        """
        return self._hub.sockets(self._rooms, self._except)

    def sockets_join(self, *rooms: str) -> None:
        """Have all of `fetch_sockets` join these rooms."""
        for socket in self.fetch_sockets():
            socket.join(*rooms)

    def sockets_leave(self, *rooms: str) -> None:
        """Have all of `fetch_sockets` leave these rooms."""
        for socket in self.fetch_sockets():
            for room in rooms:
                socket.leave(room)


class Server:
    """Nest's ``@WebSocketServer()``: the sockets of one namespace."""

    def __init__(self, hub: Hub) -> None:
        self._all = BroadcastOperator(hub)

    def to(self, *rooms: str) -> BroadcastOperator:
        """See `BroadcastOperator.to`."""
        return self._all.to(*rooms)

    in_ = to

    def except_(self, *rooms: str) -> BroadcastOperator:
        """See `BroadcastOperator.except_`."""
        return self._all.except_(*rooms)

    def emit(self, event: str, *args: Any) -> None:
        """To every admitted socket of the namespace."""
        self._all.emit(event, *args)

    def fetch_sockets(self) -> "tuple[Socket, ...]":
        """See `BroadcastOperator.fetch_sockets`."""
        return self._all.fetch_sockets()

    def sockets_join(self, *rooms: str) -> None:
        """See `BroadcastOperator.sockets_join`."""
        self._all.sockets_join(*rooms)

    def sockets_leave(self, *rooms: str) -> None:
        """See `BroadcastOperator.sockets_leave`."""
        self._all.sockets_leave(*rooms)


class Socket:
    """One client in one namespace.

    While it is being admitted (guards, ``handle_connection``) what it joins and is sent is kept
    back; both take effect, in order, the moment it is admitted. Afterwards calls on a socket that
    has gone do nothing.
    """

    __slots__ = ("_link", "data", "handshake", "id")

    def __init__(self, socket_id: str, handshake: Handshake, link: SocketLink) -> None:
        self.id = socket_id
        self.handshake = handshake
        self.data: dict[str, Any] = {}
        self._link = link

    @property
    def connected(self) -> bool:
        """Whether the client is admitted and has not left."""
        return self._link.connected

    @property
    def answers_pings(self) -> bool:
        """Whether the client has answered its last ping: if not, it is probably gone."""
        return self._link.answers_pings

    @property
    def rooms(self) -> frozenset[str]:
        """The rooms joined; empty once disconnected."""
        return self._link.rooms

    def join(self, *rooms: str) -> None:
        """Receive what is sent to these rooms from now on."""
        self._link.join(rooms)

    def leave(self, room: str) -> None:
        """Receive nothing more of what is sent to this room."""
        self._link.leave(room)

    def emit(self, event: str, *args: Any) -> None:
        """Queue an event for this client.

        Raises:
            ValueError: The name is reserved.
        """
        require_event_name(event)
        self._link.emit(event, args)

    def to(self, *rooms: str) -> BroadcastOperator:
        """These rooms, without this socket."""
        return BroadcastOperator(self._link.hub).to(*rooms).except_(self.id)

    def run_aside(self, work: Coroutine[Any, Any, None]) -> bool:
        """Run a coroutine beside the socket's events; it is cancelled when the client goes.

        Not begun, and False, when too many are running already. It must not raise.
        """
        return self._link.run_aside(work)

    async def hold(self, seconds: float) -> None:
        """Wait, so that no further event of this client is handled before: for its handlers only.

        The pipeline does this after `WsTooManyRequests`. What the client sends meanwhile waits, at
        first here and then unread; it is dropped when the client goes.
        """
        await self._link.hold(seconds)

    def disconnect(self, *, close: bool = False) -> None:
        """Tell the client ``io server disconnect``; with ``close`` end the whole connection.

        A socket that is still being admitted is refused instead: it sees ``connect``, what was
        emitted to it, then the disconnect, and the connection ends.
        """
        self._link.disconnect(close=close)

    def refuse(self, message: str, data: Any = None) -> None:
        """Answer a socket that is being admitted with ``connect_error``; later it does nothing."""
        self._link.refuse(message, data)

    def close_transport(self, *, answer_connect: bool = True) -> None:
        """Close the connection with code 1013 (try again later), so that the client comes back.

        The JavaScript client reconnects by itself after ``transport close``, but neither after
        `disconnect` nor after `refuse`. Use this for refusals that are temporary.

        Args:
            answer_connect: For a socket that is still being admitted, which is refused: True sends
                ``connect`` and what was emitted to it before the connection is closed, False sends
                nothing.
        """
        self._link.close_transport(answer_connect=answer_connect)


def require_event_name(event: str) -> None:
    """Refuse a name that socket.io keeps for itself."""
    if event in RESERVED_EVENTS:
        raise ValueError(f"'{event}' is a reserved event name")
