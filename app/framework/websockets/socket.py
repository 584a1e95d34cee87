"""`Socket`: one client in one namespace. Its methods have socket.io's names.

A socket uses the transport through the Protocols `SocketLink` and `Hub`. Tests replace the
transport with `testing.RecordingLink`.
"""

from collections.abc import Awaitable, Coroutine, Iterable, Mapping
from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any, Protocol
from urllib.parse import quote, urlencode

from app.framework.websockets.broadcast import (
    DONE,
    RESERVED_EVENTS,
    BroadcastOperator,
    Hub,
    Room,
    not_a_room,
    reserved,
    room_names,
)
from app.framework.websockets.server import Server
from app.framework.websockets.socket_api.acks import ACK_SECONDS
from app.framework.websockets.socket_api.listeners import Listener, listenable


@dataclass(frozen=True, slots=True)
class Handshake:
    """The data with which the client connected: immutable, and limited in size by the transport.

    Attributes:
        auth: The object in the CONNECT packet, empty if the client sent none.
        headers: The headers of the upgrade request, with names in lower case.
        issued: The time of the connection, in UTC.
        path: The path of the request, without the query.
    """

    auth: Mapping[str, Any]
    headers: Mapping[str, str]
    query: Mapping[str, str]
    address: str
    issued: datetime
    path: str = "/socket.io/"

    @property
    def time(self) -> str:
        """The time of the connection as text, like Node's ``new Date() + ""``."""
        return self.issued.strftime("%a %b %d %Y %H:%M:%S GMT+0000 (Coordinated Universal Time)")

    @property
    def url(self) -> str:
        """The URL of the upgrade request, with the parameters that are kept in ``query``."""
        query = urlencode(self.query, quote_via=quote, safe="!~*'()")  # as encodeURIComponent
        return f"{self.path}?{query}" if query else self.path

    @property
    def xdomain(self) -> bool:
        """Whether the request had an ``Origin`` header, as requests of browsers have."""
        return "origin" in self.headers

    @property
    def secure(self) -> bool:
        """Whether the connection to this node is encrypted; always False: TLS ends at a proxy."""
        return False


class SocketLink(Protocol):
    """The operations of the transport that a socket uses. `ServerSocketLink` implements it."""

    @property
    def hub(self) -> Hub:
        """The sockets of the client's namespace."""

    @property
    def connected(self) -> bool:
        """Whether the client is connecting or connected; False after a disconnect or refusal."""

    @property
    def can_ack(self) -> bool:
        """See `Socket.can_ack`."""

    @property
    def answers_pings(self) -> bool:
        """See `Socket.answers_pings`."""

    @property
    def rooms(self) -> AbstractSet[str]:
        """See `Socket.rooms`."""

    def emit(self, event: str, args: tuple[Any, ...]) -> None:
        """See `Socket.emit`."""

    def emit_volatile(self, event: str, args: tuple[Any, ...]) -> None:
        """See `Socket.volatile`."""

    async def emit_with_ack(self, event: str, args: tuple[Any, ...], timeout_seconds: float) -> Any:
        """See `Socket.emit_with_ack`."""

    def run_in_background(self, coroutine: Coroutine[Any, Any, None]) -> bool:
        """See `Socket.run_in_background`."""

    async def pause_events(self, seconds: float) -> None:
        """See `Socket.pause_events`."""

    def join(self, rooms: Iterable[str]) -> None:
        """See `Socket.join`."""

    def leave(self, room: str) -> None:
        """See `Socket.leave`."""

    def on(self, event: str, listener: Listener, *, once: bool) -> None:
        """See `Socket.on` and `Socket.once`."""

    def off(self, event: str, listener: Listener | None) -> None:
        """See `Socket.off`."""

    def disconnect(self, *, close: bool) -> None:
        """See `Socket.disconnect`."""

    def refuse(self, message: str, data: Any) -> None:
        """See `Socket.refuse`."""

    def close_transport(self, *, answer_connect: bool) -> None:
        """See `Socket.close_transport`."""


class SocketData(dict[str, Any]):
    """The value of ``client.data``."""

    __slots__ = ()

    if not TYPE_CHECKING:

        def __setattr__(self, name: str, value: object) -> None:
            """Raise AttributeError: Node's ``client.data.user = user`` sets a key of the dict."""
            raise AttributeError(f"client.data is a dict; write client.data[{name!r}] = ...")


class Socket:
    """One client in one namespace.

    While the socket connects (guards, ``handle_connection``), joins and emits are queued. They take
    effect when the socket is admitted. After a disconnect, joins and emits have no effect.
    """

    __slots__ = ("_link", "data", "handshake", "id")

    def __init__(self, socket_id: str, handshake: Handshake, link: SocketLink) -> None:
        self.id = socket_id
        self.handshake = handshake
        self.data: dict[str, Any] = SocketData()
        self._link = link

    if not TYPE_CHECKING:  # with `__setattr__`, type checkers would accept any attribute

        def __setattr__(self, name: str, value: object) -> None:
            """Set an attribute of the class; Node's ``client.user = user`` is an error."""
            try:
                object.__setattr__(self, name, value)
            except AttributeError:
                cls = type(self)
                if hasattr(cls, name):  # a property
                    raise
                raise AttributeError(
                    f"{cls.__name__} has no attribute {name!r}; write client.data[{name!r}] = ..., "
                    "or add the attribute to a class of your own, IoOptions(socket_class=...)"
                ) from None

    @property
    def connected(self) -> bool:
        """Whether the client is connecting or connected; False after a disconnect or refusal."""
        return self._link.connected

    @property
    def can_ack(self) -> bool:
        """Whether the client is connected; False while it is connecting."""
        return self._link.can_ack

    @property
    def nsp(self) -> Server:
        """The socket's namespace; its name is ``client.nsp.name``."""
        return Server(self._link.hub)

    @property
    def answers_pings(self) -> bool:
        """Whether the client has answered the last ping; if not, the client is probably gone."""
        return self._link.answers_pings

    @property
    def rooms(self) -> AbstractSet[str]:
        """The socket's rooms; for a connecting socket, the rooms that it will join.

        As in Node, the room with the socket's id is first, and the others are in the order of
        joining. After a disconnect, the set is empty.
        """
        return self._link.rooms

    def join(self, *rooms: Room) -> Awaitable[None]:
        """Join rooms. The socket then receives the events that are emitted to these rooms.

        A list of rooms is accepted too. A room may be the id of another socket.
        """
        self._link.join(room_names(rooms))
        return DONE

    def leave(self, room: str) -> Awaitable[None]:
        """Leave a room. The socket no longer receives the events that are emitted to the room."""
        if not isinstance(room, str):
            raise not_a_room(room)
        self._link.leave(room)
        return DONE

    def emit(self, event: str, *args: Any) -> None:
        """Queue an event for this client; raise ValueError if the event's name is reserved."""
        if event in RESERVED_EVENTS:
            raise reserved(event)
        self._link.emit(event, args)

    async def emit_with_ack(
        self, event: str, *args: Any, timeout_seconds: float = ACK_SECONDS
    ) -> Any:
        """Emit an event, and return the first argument of the client's ack.

        Raises:
            TimeoutError: The client did not ack in time.
            ConnectionError: The client has disconnected, or is still connecting: the server reads
                no acks before ``handle_connection`` has ended.
            ValueError: The name of the event is reserved.
        """
        if event in RESERVED_EVENTS:
            raise reserved(event)
        return await self._link.emit_with_ack(event, args, timeout_seconds)

    @property
    def volatile(self) -> "VolatileSocket":
        """Emit to this client only if it is reading: ``client.volatile.emit("position", data)``."""
        return VolatileSocket(self._link)

    def to(self, *rooms: Room) -> BroadcastOperator:
        """Select the sockets in these rooms, except this socket."""
        return BroadcastOperator(self._link.hub).to(*rooms).except_(self.id)

    in_ = to
    """Socket.IO's ``in``: an alias of `to`."""

    def except_(self, *rooms: Room) -> BroadcastOperator:
        """Select all sockets of the namespace, except this one and the sockets in these rooms."""
        return self.broadcast.except_(*rooms)

    @property
    def broadcast(self) -> BroadcastOperator:
        """Select all sockets of the namespace, except this socket."""
        return BroadcastOperator(self._link.hub, except_rooms=frozenset({self.id}))

    def on(self, event: str, listener: Listener) -> None:
        """Call a function for each event of this name that the client sends.

        The function takes ``(data, ack)`` or fewer arguments, and may be async. It runs after the
        gateway's handler of the event, if there is one. The gateway's guards, pipes and filters do
        not run for it.

        For ``disconnect``, the function takes the reason, and runs after ``handle_disconnect``. For
        ``disconnecting``, it takes the reason, must not be async, and runs before the socket leaves
        its rooms.

        Raises:
            ValueError: The name is reserved, and not ``disconnect`` or ``disconnecting``.
            TypeError: The function cannot be called with these arguments, or must not be async.
        """
        self._link.on(listenable(event), listener, once=False)

    def once(self, event: str, listener: Listener) -> None:
        """Call a function for the next event of this name only; see `on`."""
        self._link.on(listenable(event), listener, once=True)

    def off(self, event: str, listener: Listener | None = None) -> None:
        """Remove a listener of `on` or `once`; None removes all listeners of the event."""
        self._link.off(event, listener)

    def run_in_background(self, coroutine: Coroutine[Any, Any, None]) -> bool:
        """Run a coroutine without delaying the socket's next events; return whether it was started.

        The coroutine is cancelled when the client disconnects, and must not raise. It is not
        started if the client has disconnected, or if too many coroutines are running.
        """
        return self._link.run_in_background(coroutine)

    async def pause_events(self, seconds: float) -> None:
        """Delay this client's next events. Only a handler of this client's events may call this.

        The pipeline calls this after `WsTooManyRequests`. Events that arrive during the pause are
        queued. When the queue is full, the server stops reading from the client. Queued events are
        dropped when the client disconnects.
        """
        await self._link.pause_events(seconds)

    def disconnect(self, close: bool = False) -> None:  # noqa: FBT001, FBT002 - socket.io's
        """Disconnect the socket; the client sees the reason ``io server disconnect``.

        A socket that is still connecting is refused: the client receives ``connect``, the events
        emitted so far and the disconnect. Then the connection is closed, except if the client is in
        other namespaces and ``close`` is False.

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
        not reconnect after `disconnect` or `refuse`. If this socket is still connecting and the
        client is in other namespaces, the connection stays open. Then only this socket is refused,
        and it does not reconnect by itself.

        Args:
            answer_connect: Whether a socket that is still connecting receives ``connect`` and the
                events emitted so far before the connection is closed.
        """
        self._link.close_transport(answer_connect=answer_connect)


class VolatileSocket:
    """See `Socket.volatile`."""

    __slots__ = ("_link",)

    def __init__(self, link: SocketLink) -> None:
        self._link = link

    def emit(self, event: str, *args: Any) -> None:
        """Queue an event for the client, or drop it if the client is not reading."""
        if event in RESERVED_EVENTS:
            raise reserved(event)
        self._link.emit_volatile(event, args)
