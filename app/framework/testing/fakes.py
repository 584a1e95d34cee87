"""Fakes for unit tests of guards, filters and handlers: a socket and its contexts, no server."""

from collections.abc import Callable, Coroutine, Iterable, Mapping
from datetime import UTC, datetime
from typing import Any, Literal, TypeVar

from app.framework.common.context import AckFunction, ConnectionContext, ExecutionContext
from app.framework.common.guards import CanActivate, verdict_of
from app.framework.websockets.socket import Handshake, Hub, Socket

SocketType = TypeVar("SocketType", bound=Socket)

_EPOCH = datetime(2026, 1, 1, tzinfo=UTC)


class RecordingLink:
    """The transport's end of a fake socket: keeps what happens to it.

    Attributes:
        emitted: ``(event, args)`` in order.
        broadcasts: ``(rooms, except_rooms, event, args)`` in order.
        volatile: The events among them that were not meant for who does not read.
        holds: The seconds of each `Socket.hold`.
        present: The sockets there are, by the links of whose rooms `sockets` finds them.
        refusal: ``(message, data)`` of `Socket.refuse`.
        transport_closed: ``answered`` or ``unanswered`` after `Socket.close_transport`.
    """

    def __init__(self) -> None:
        self.connected = True
        self.answers_pings = True
        self.joined: set[str] = set()
        self.emitted: list[tuple[str, tuple[Any, ...]]] = []
        self.broadcasts: list[tuple[frozenset[str], frozenset[str], str, tuple[Any, ...]]] = []
        self.volatile: list[str] = []
        self.holds: list[float] = []
        self.present: list[Socket] = []
        self.refusal: tuple[str, Any] | None = None
        self.transport_closed: Literal["answered", "unanswered"] | None = None

    @property
    def hub(self) -> Hub:
        """The link itself: it also records broadcasts."""
        return self

    @property
    def rooms(self) -> frozenset[str]:
        """What was joined and not left."""
        return frozenset(self.joined)

    def emit(self, event: str, args: tuple[Any, ...]) -> None:
        """Keep it."""
        self.emitted.append((event, args))

    def run_aside(self, work: Coroutine[Any, Any, None]) -> bool:  # noqa: ARG002 - never begun
        """Not here: who asks runs it at once, and a test sees its end."""
        return False

    async def hold(self, seconds: float) -> None:
        """Keep it; nothing is waited for."""
        self.holds.append(seconds)

    def join(self, rooms: Iterable[str]) -> None:
        """Keep it."""
        self.joined.update(rooms)

    def leave(self, room: str) -> None:
        """Forget it."""
        self.joined.discard(room)

    def disconnect(self, *, close: bool) -> None:  # noqa: ARG002 - both ways end it
        """No longer connected."""
        self.connected = False
        self.joined.clear()

    def refuse(self, message: str, data: Any) -> None:
        """Keep it; no longer connected."""
        self.refusal = (message, data)
        self.disconnect(close=True)

    def close_transport(self, *, answer_connect: bool) -> None:
        """Keep how; no longer connected."""
        self.transport_closed = "answered" if answer_connect else "unanswered"
        self.disconnect(close=True)

    def broadcast(
        self,
        rooms: frozenset[str],
        except_rooms: frozenset[str],
        event: str,
        args: tuple[Any, ...],
        *,
        volatile: bool = False,
    ) -> None:
        """Keep it."""
        if volatile:
            self.volatile.append(event)
        self.broadcasts.append((rooms, except_rooms, event, args))

    def sockets(self, rooms: frozenset[str], except_rooms: frozenset[str]) -> tuple[Socket, ...]:
        """Those present, by the rooms they have joined."""
        return tuple(
            each
            for each in self.present
            if not (rooms and rooms.isdisjoint(each.rooms)) and except_rooms.isdisjoint(each.rooms)
        )


def fake_socket(
    socket_class: type[SocketType],
    *,
    auth: Mapping[str, Any] | None = None,
    link: RecordingLink | None = None,
    socket_id: str = "socket-1",
    address: str = "127.0.0.1",
) -> SocketType:
    """A socket of the application's class without a connection; ``link`` is for looking at it."""
    handshake = Handshake(auth=auth or {}, headers={}, query={}, address=address, issued=_EPOCH)
    return socket_class(socket_id, handshake, link or RecordingLink())


def fake_context(
    client: Socket,
    data: Any = None,
    *,
    pattern: str = "event",
    ack: AckFunction | None = None,
    handler: Callable[..., Any] = fake_socket,
    gateway: type = object,
) -> ExecutionContext:
    """An `ExecutionContext` in one line: ``fake_context(fake_socket(Socket, auth={...}))``.

    With an ``ack``, such as a list's ``append``, the client waits for an answer; the marks of
    ``handler`` and ``gateway`` are what a `Reflector` reads.
    """
    return ExecutionContext(client, data, ack, pattern, gateway, handler)


async def activate(guard: CanActivate, context: ExecutionContext) -> bool:
    """The guard's verdict, as the pipeline asks for it: given at once, or waited for."""
    return await verdict_of(guard.can_activate, guard.can_activate(context))


def fake_connection(client: Socket) -> ConnectionContext:
    """What guards and filters get while the socket is being admitted, in one line."""
    return ConnectionContext(client, object, fake_connection)
