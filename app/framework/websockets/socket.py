"""`Socket` (one client) and `Server` (all clients of a namespace), with socket.io's names.

Both classes use the transport through the Protocols `SocketLink` and `Hub`. Tests replace the
transport with `testing.RecordingLink`.
"""

from collections.abc import Coroutine, Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Protocol

RESERVED_EVENTS = frozenset(
    {"connect", "connect_error", "disconnect", "disconnecting", "newListener", "removeListener"}
)
"""Names of events that neither client nor server may send, as listed in socket.io-parser."""


@dataclass(frozen=True, slots=True)
class Handshake:
    """The data with which the client connected: immutable, and limited in size by the transport.

    Attributes:
        auth: The object in the CONNECT packet, empty if the client sent none.
        headers: The headers of the upgrade request, with names in lower case.
        issued: The time of the connection, in UTC.
    """

    auth: Mapping[str, Any]
    headers: Mapping[str, str]
    query: Mapping[str, str]
    address: str
    issued: datetime


class Hub(Protocol):
    """Gives access to all sockets of one namespace. `NamespaceRooms` implements it."""

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
        """See `BroadcastOperator.fetch_sockets`."""


class SocketLink(Protocol):
    """The operations of the transport that a socket uses. `ServerSocketLink` implements it."""

    @property
    def hub(self) -> Hub:
        """The sockets of the client's namespace."""

    @property
    def connected(self) -> bool:
        """Whether the client is admitted and still connected."""

    @property
    def answers_pings(self) -> bool:
        """See `Socket.answers_pings`."""

    @property
    def rooms(self) -> frozenset[str]:
        """See `Socket.rooms`."""

    def emit(self, event: str, args: tuple[Any, ...]) -> None:
        """See `Socket.emit`."""

    def run_in_background(self, coroutine: Coroutine[Any, Any, None]) -> bool:
        """See `Socket.run_in_background`."""

    async def pause_events(self, seconds: float) -> None:
        """See `Socket.pause_events`."""

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
    """Selects the recipients: ``server.to("room").except_("other").emit("event", data)``.

    An operator is immutable: each method returns a new operator, so an operator may be used
    repeatedly.
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
        """Add rooms; a socket in several of them receives the event once."""
        wanted = self._rooms.union(rooms)
        return BroadcastOperator(self._hub, wanted, self._except, volatile=self._volatile)

    in_ = to
    """Socket.IO's ``in``: an alias of `to`."""

    def except_(self, *rooms: str) -> "BroadcastOperator":
        """Exclude the sockets in these rooms. A socket's id is the name of its own room."""
        unwanted = self._except.union(rooms)
        return BroadcastOperator(self._hub, self._rooms, unwanted, volatile=self._volatile)

    @property
    def volatile(self) -> "BroadcastOperator":
        """Skip clients that are not reading at the moment: for data that is outdated soon."""
        return BroadcastOperator(self._hub, self._rooms, self._except, volatile=True)

    def emit(self, event: str, *args: Any) -> None:
        """Queue the event for all recipients; raise ValueError if its name is reserved."""
        if event in RESERVED_EVENTS:
            raise _reserved(event)
        self._hub.broadcast(self._rooms, self._except, event, args, volatile=self._volatile)

    def fetch_sockets(self) -> "tuple[Socket, ...]":
        """Return the selected sockets of this process, without duplicates.

        A socket that is still connecting counts as a member of the rooms that it will join.
        """
        return self._hub.sockets(self._rooms, self._except)

    def sockets_join(self, *rooms: str) -> None:
        """Add all sockets of `fetch_sockets` to these rooms."""
        for socket in self.fetch_sockets():
            socket.join(*rooms)

    def sockets_leave(self, *rooms: str) -> None:
        """Remove all sockets of `fetch_sockets` from these rooms."""
        for socket in self.fetch_sockets():
            for room in rooms:
                socket.leave(room)


class Server(BroadcastOperator):
    """Nest's ``@WebSocketServer()``: all sockets of one namespace."""

    __slots__ = ()


class Socket:
    """One client in one namespace.

    While the socket connects (guards, ``handle_connection``), joins and emits are queued. They take
    effect when the socket is admitted. After a disconnect, joins and emits have no effect.
    """

    __slots__ = ("_link", "data", "handshake", "id")

    def __init__(self, socket_id: str, handshake: Handshake, link: SocketLink) -> None:
        self.id = socket_id
        self.handshake = handshake
        self.data: dict[str, Any] = {}
        self._link = link

    @property
    def connected(self) -> bool:
        """Whether the client is admitted and still connected."""
        return self._link.connected

    @property
    def answers_pings(self) -> bool:
        """Whether the client has answered the last ping; if not, the client is probably gone."""
        return self._link.answers_pings

    @property
    def rooms(self) -> frozenset[str]:
        """The socket's rooms; while the socket connects, the rooms that it will join.

        Empty after a disconnect.
        """
        return self._link.rooms

    def join(self, *rooms: str) -> None:
        """Receive events that are emitted to these rooms from now on."""
        self._link.join(rooms)

    def leave(self, room: str) -> None:
        """Stop receiving events that are emitted to this room."""
        self._link.leave(room)

    def emit(self, event: str, *args: Any) -> None:
        """Queue an event for this client; raise ValueError if its name is reserved."""
        if event in RESERVED_EVENTS:
            raise _reserved(event)
        self._link.emit(event, args)

    def to(self, *rooms: str) -> BroadcastOperator:
        """Select the sockets in these rooms, except this socket."""
        return BroadcastOperator(self._link.hub).to(*rooms).except_(self.id)

    def run_in_background(self, coroutine: Coroutine[Any, Any, None]) -> bool:
        """Run a coroutine without delaying the socket's next events; return whether it was started.

        The coroutine is cancelled when the client disconnects, and must not raise. If too many
        coroutines are running already, this one is not started.
        """
        return self._link.run_in_background(coroutine)

    async def pause_events(self, seconds: float) -> None:
        """Delay this client's next events. Only the handlers of its events may await this.

        The pipeline calls this after `WsTooManyRequests`. Events that arrive during the pause are
        queued. When the queue is full, the server stops reading from the client. Queued events are
        dropped when the client disconnects.
        """
        await self._link.pause_events(seconds)

    def disconnect(self, *, close: bool = False) -> None:
        """Disconnect the socket; the client sees the reason ``io server disconnect``.

        A socket that is still connecting is refused: the client receives ``connect``, the events
        emitted so far and the disconnect, and then the connection is closed.

        Args:
            close: Whether to close the whole connection, with all its namespaces.
        """
        self._link.disconnect(close=close)

    def refuse(self, message: str, data: Any = None) -> None:
        """Refuse a connecting socket with ``connect_error``; no effect on an admitted socket."""
        self._link.refuse(message, data)

    def close_transport(self, *, answer_connect: bool = True) -> None:
        """Close the connection with code 1013 (try again later). Use this for temporary refusals.

        The JavaScript client sees the reason ``transport close`` and reconnects by itself. It does
        not reconnect after `disconnect` or `refuse`.

        Args:
            answer_connect: Whether a socket that is still connecting receives ``connect`` and the
                events emitted so far before the connection is closed.
        """
        self._link.close_transport(answer_connect=answer_connect)


def _reserved(event: str) -> ValueError:
    return ValueError(f"'{event}' is a reserved event name")
