"""A socket's own end in the transport: one client in one namespace, from CONNECT to its end."""

from collections.abc import Callable, Coroutine, Iterable
from collections.abc import Set as AbstractSet
from enum import Enum, auto
from typing import Any, NamedTuple

from aiohttp import WSCloseCode

from app.framework.platform_socketio.disconnect_reason import DisconnectReason
from app.framework.platform_socketio.engine_io.connection import Connection
from app.framework.platform_socketio.socket_io import packets
from app.framework.platform_socketio.socket_io.rooms import RoomManager
from app.framework.websockets.socket import Socket


class LinkState(Enum):
    """Where a socket stands. It only moves down this list."""

    PENDING = auto()
    """Guards and ``handle_connection`` are at work: nothing is sent, no room is joined yet."""
    ADMITTED = auto()
    DETACHED = auto()
    """The connection is gone: in no room, sent nothing; what it brought before is still handled."""
    ENDED = auto()


_ADMITTED = LinkState.ADMITTED  # looked up once: for an enumeration that takes longer than a call


class _Refusal(NamedTuple):
    """How `ServerSocketLink.settle` refuses a socket: packets to send, then the close code."""

    packets: list[bytes]
    close_code: WSCloseCode


class _Pending:
    """What waits for the end of the PENDING state."""

    __slots__ = ("held", "refusal", "wanted")

    def __init__(self) -> None:
        self.held: list[bytes] = []
        self.refusal: _Refusal | None = None
        self.wanted: dict[str, None] = {}


class NamespaceHub:
    """Implements `socket.Hub`: all sockets of one namespace."""

    __slots__ = ("_manager", "namespace")

    def __init__(self, manager: RoomManager, namespace: str) -> None:
        self._manager = manager
        self.namespace = namespace

    def broadcast(
        self,
        rooms: frozenset[str],
        except_rooms: frozenset[str],
        event: str,
        args: tuple[Any, ...],
        *,
        volatile: bool = False,
    ) -> None:
        """See `RoomManager.broadcast`."""
        self._manager.broadcast(self.namespace, rooms, except_rooms, event, args, volatile=volatile)

    def sockets(self, rooms: frozenset[str], except_rooms: frozenset[str]) -> tuple[Socket, ...]:
        """See `RoomManager.sockets`."""
        return self._manager.sockets(self.namespace, rooms, except_rooms)


class ServerSocketLink(NamespaceHub):
    """Implements `socket.SocketLink`.

    While PENDING it keeps back what the socket joins and is sent. `settle` then decides in one go,
    without an await: so no broadcast and no event handler meets a socket that is not admitted.
    """

    __slots__ = (
        "_on_end",
        "_pending",
        "connection",
        "endpoint",
        "sid",
        "socket",
        "state",
    )

    def __init__(
        self,
        connection: Connection,
        namespace: str,
        sid: str,
        manager: RoomManager,
        endpoint: Any,
        on_end: Callable[["ServerSocketLink", DisconnectReason], None],
    ) -> None:
        super().__init__(manager, namespace)
        self.connection = connection
        self.state = LinkState.PENDING
        self.sid = sid
        self.endpoint = endpoint
        """What the owner serves here."""
        self.socket: Socket
        """Its other end; the server sets it."""
        self._on_end = on_end
        self._pending: _Pending | None = _Pending()

    @property
    def connected(self) -> bool:
        """Whether the client is admitted and has not left."""
        return self.state is LinkState.ADMITTED

    @property
    def answers_pings(self) -> bool:
        """See `Connection.answers_pings`."""
        return self.connection.answers_pings

    @property
    def rooms(self) -> frozenset[str]:
        """Rooms joined, or to be joined on admission."""
        if self._pending is not None:
            return frozenset(self._pending.wanted)
        return frozenset(self._manager.get_rooms(self.sid, self.namespace))

    @property
    def wanted(self) -> AbstractSet[str]:
        """The rooms to be joined on admission: a view, not a copy."""
        return frozenset() if self._pending is None else self._pending.wanted.keys()

    def settle(self, *, admitted: bool) -> None:
        """End the PENDING state: admit, or refuse and close the connection.

        Answers CONNECT, joins and sends what was kept back without an await in between.
        """
        pending = self._pending
        if pending is None:
            return
        if not admitted and pending.refusal is None:
            self.disconnect(close=True)
        if pending.refusal is not None:
            for payload in pending.refusal.packets:
                self.connection.push(payload)
            self.connection.close(
                DisconnectReason.SERVER_NAMESPACE_DISCONNECT, pending.refusal.close_code
            )
            return
        self._pending = None
        self.connection.push(packets.connect(self.namespace, self.sid))
        self._manager.admit(self.sid, self.namespace, self.connection, pending.wanted)
        self.state = LinkState.ADMITTED
        for payload in pending.held:
            self.connection.push(payload)

    def detach(self, reason: DisconnectReason) -> None:
        """The connection is gone: out of every room at once; `end` follows behind what it brought.

        A socket that is not admitted, or does not speak the protocol, ends here: nothing more of it
        is handled.
        """
        if self.state is LinkState.PENDING or reason is DisconnectReason.PARSE_ERROR:
            self.end(reason)
        elif self.state is LinkState.ADMITTED:
            self.state = LinkState.DETACHED
            self._manager.basic_disconnect(self.sid, self.namespace)

    def end(self, reason: DisconnectReason) -> None:
        """Out of every room at once; the disconnect hooks follow after what is being handled."""
        if self.state is LinkState.ENDED:
            return
        if self.state is LinkState.ADMITTED:
            self._manager.basic_disconnect(self.sid, self.namespace)
        self.state = LinkState.ENDED
        self._pending = None
        self.connection.links.pop(self.namespace, None)
        self._on_end(self, reason)

    def emit(self, event: str, args: tuple[Any, ...]) -> None:
        """Send, or keep for `settle`; nothing once the client is gone."""
        if self.state is _ADMITTED:
            self.connection.push(packets.event(self.namespace, event, args))
        elif self._pending is not None:
            self._pending.held.append(packets.event(self.namespace, event, args))

    def ack(self, packet_id: int, args: tuple[Any, ...]) -> None:
        """Answer an event; nothing once the client is gone."""
        if self.state is _ADMITTED:
            self.connection.push(packets.ack(self.namespace, packet_id, args))

    def join(self, rooms: Iterable[str]) -> None:
        """Enter rooms, or ask for them on admission; nothing once the client is gone."""
        for room in rooms:
            if self.state is LinkState.ADMITTED:
                self._manager.basic_enter_room(self.sid, self.namespace, room)
            elif self._pending is not None:
                self._pending.wanted[room] = None

    def leave(self, room: str) -> None:
        """Leave a room; one that was not joined is no matter."""
        if self._pending is not None:
            self._pending.wanted.pop(room, None)
        elif self.state is LinkState.ADMITTED:
            self._manager.basic_leave_room(self.sid, self.namespace, room)

    def run_in_background(self, coroutine: Coroutine[Any, Any, None]) -> bool:
        """See `Connection.run_aside`."""
        return self.connection.run_aside(coroutine)

    async def hold(self, seconds: float) -> None:
        """See `Connection.hold`."""
        await self.connection.hold(seconds)

    def disconnect(self, *, close: bool) -> None:
        """End the socket from our side; a pending one is refused by `settle`."""
        if self._pending is not None:
            answers = [*self._answers(self._pending), packets.disconnect(self.namespace)]
            self._pending.refusal = _Refusal(answers, WSCloseCode.OK)
        elif self.state is LinkState.ADMITTED:
            self.connection.push(packets.disconnect(self.namespace))
            self.end(DisconnectReason.SERVER_NAMESPACE_DISCONNECT)
            if close:
                self.connection.close(DisconnectReason.SERVER_NAMESPACE_DISCONNECT)

    def refuse(self, message: str, data: Any) -> None:
        """Refuse a pending socket with ``connect_error``."""
        if self._pending is not None:
            answers = [packets.connect_error(self.namespace, message, data)]
            self._pending.refusal = _Refusal(answers, WSCloseCode.OK)

    def close_transport(self, *, answer_connect: bool) -> None:
        """Close the connection with 1013 and no DISCONNECT packet; a pending socket is refused."""
        if self._pending is not None:
            answers = self._answers(self._pending) if answer_connect else []
            self._pending.refusal = _Refusal(answers, WSCloseCode.TRY_AGAIN_LATER)
        elif self.state is LinkState.ADMITTED:
            self.end(DisconnectReason.SERVER_NAMESPACE_DISCONNECT)
            self.connection.close(
                DisconnectReason.SERVER_NAMESPACE_DISCONNECT, WSCloseCode.TRY_AGAIN_LATER
            )

    def _answers(self, pending: _Pending) -> list[bytes]:
        return [packets.connect(self.namespace, self.sid), *pending.held]
