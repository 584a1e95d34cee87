"""Fake sockets and contexts for unit tests of guards, filters and handlers."""

from collections.abc import Callable, Coroutine, Iterable, Mapping
from datetime import UTC, datetime
from typing import Any, Literal, TypeVar

from app.framework.common.context import (
    AckFunction,
    ConnectionContext,
    ExecutionContext,
    HttpContext,
)
from app.framework.common.guards import CanActivate, verdict_of
from app.framework.core.http.response import HttpResponse
from app.framework.websockets.broadcast import Hub
from app.framework.websockets.socket import Handshake, Socket
from app.framework.websockets.socket_api.cluster_adapter import ClusterAdapter
from app.framework.websockets.socket_api.listeners import Listener
from app.framework.websockets.socket_api.middleware import Middleware
from app.framework.websockets.socket_api.server_events import ServerEvents

SocketType = TypeVar("SocketType", bound=Socket)

_EPOCH = datetime(2026, 1, 1, tzinfo=UTC)


class RecordingLink:
    """Replaces the connection of a fake socket, and records calls instead of sending packets.

    Attributes:
        emitted: The emitted events, ``(event, args)``, in order.
        broadcasts: The broadcasts, ``(rooms, except_rooms, event, args)``, in order.
        volatile: The names of events that were emitted as volatile.
        pauses: The durations of `Socket.pause_events` calls, in seconds.
        present: All sockets from which the method `sockets` selects. Tests fill this list.
        acks: The client's answers to `Socket.emit_with_ack`. Tests fill this list.
        params: The values of the parameters in the namespace's pattern.
        namespace: The name of the namespace.
        listeners: The arguments of `Socket.on` and `Socket.once`: events and functions.
        middlewares: The functions that were given to `Server.use`.
        server_events: The listeners of `Server.on`.
        cluster: A cluster adapter that a test may set.
        refusal: The arguments ``(message, data)`` of `Socket.refuse`.
        transport_closed: ``answered`` if `Socket.close_transport` was called with
            ``answer_connect=True``, ``unanswered`` if it was called with False. None if it was not
            called.
    """

    def __init__(self) -> None:
        self.connected = True
        self.can_ack = True
        self.answers_pings = True
        self.joined: set[str] = set()
        self.emitted: list[tuple[str, tuple[Any, ...]]] = []
        self.broadcasts: list[tuple[frozenset[str], frozenset[str], str, tuple[Any, ...]]] = []
        self.volatile: list[str] = []
        self.pauses: list[float] = []
        self.present: list[Socket] = []
        self.refusal: tuple[str, Any] | None = None
        self.acks: list[Any] = []
        self.namespace = "/"
        self.params: dict[str, str] = {}
        self.listeners: list[tuple[str, Listener]] = []
        self.middlewares: list[Middleware] = []
        self.server_events = ServerEvents()
        self.cluster: ClusterAdapter | None = None
        self.transport_closed: Literal["answered", "unanswered"] | None = None

    @property
    def hub(self) -> Hub:
        """This link, which also records broadcasts."""
        return self

    @property
    def socket_count(self) -> int:
        """The number of sockets in ``present``."""
        return len(self.present)

    @property
    def clients_count(self) -> int:
        """The number of sockets in ``present``."""
        return len(self.present)

    @property
    def rooms(self) -> frozenset[str]:
        """The joined rooms."""
        return frozenset(self.joined)

    def emit(self, event: str, args: tuple[Any, ...]) -> None:
        """Record the event."""
        self.emitted.append((event, args))

    def emit_volatile(self, event: str, args: tuple[Any, ...]) -> None:
        """Record the event, and add its name to ``volatile``."""
        self.volatile.append(event)
        self.emit(event, args)

    async def emit_with_ack(self, event: str, args: tuple[Any, ...], timeout_seconds: float) -> Any:
        """Record the event, and return the next item of ``acks``.

        Raises:
            TimeoutError: ``acks`` is empty.
        """
        self.emit(event, args)
        if not self.acks:
            raise TimeoutError(f"no ack within {timeout_seconds} s")
        return self.acks.pop(0)

    def run_in_background(self, coroutine: Coroutine[Any, Any, None]) -> bool:
        """Return False, so that the pipeline awaits the coroutine."""
        del coroutine
        return False

    async def pause_events(self, seconds: float) -> None:
        """Record the seconds; return immediately."""
        self.pauses.append(seconds)

    def join(self, rooms: Iterable[str]) -> None:
        """Add the rooms."""
        self.joined.update(rooms)

    def leave(self, room: str) -> None:
        """Remove the room."""
        self.joined.discard(room)

    def on(self, event: str, listener: Listener, *, once: bool) -> None:
        """Record the listener."""
        del once
        self.listeners.append((event, listener))

    def off(self, event: str, listener: Listener | None) -> None:
        """Remove the listener, or all listeners of the event."""
        self.listeners = [
            each for each in self.listeners if each[0] != event or listener not in {None, each[1]}
        ]

    def disconnect(self, *, close: bool) -> None:  # noqa: ARG002 - both values have the same effect
        """Set ``connected`` to False and leave all rooms."""
        self.connected = False
        self.joined.clear()

    def refuse(self, message: str, data: Any) -> None:
        """Record the refusal and disconnect."""
        self.refusal = (message, data)
        self.disconnect(close=True)

    def close_transport(self, *, answer_connect: bool) -> None:
        """Record ``answer_connect`` in ``transport_closed``, and disconnect."""
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
        local: bool = False,
    ) -> None:
        """Record the broadcast."""
        del local
        if volatile:
            self.volatile.append(event)
        self.broadcasts.append((rooms, except_rooms, event, args))

    def of(self, namespace: str) -> Hub:
        """Return this link for every namespace."""
        del namespace
        return self

    def use(self, middleware: Middleware) -> None:
        """Record the middleware."""
        self.middlewares.append(middleware)

    def sockets(self, rooms: frozenset[str], except_rooms: frozenset[str]) -> tuple[Socket, ...]:
        """Return the sockets of ``present`` that are in the selected rooms."""
        return tuple(
            each
            for each in self.present
            if not (rooms and rooms.isdisjoint(each.rooms)) and except_rooms.isdisjoint(each.rooms)
        )

    def has_sockets(self, room: str) -> bool:
        """Return whether a socket of ``present`` is in the room."""
        return any(room in each.rooms for each in self.present)


def fake_socket(
    socket_class: type[SocketType],
    *,
    auth: Mapping[str, Any] | None = None,
    link: RecordingLink | None = None,
    socket_id: str = "socket-1",
    address: str = "127.0.0.1",
) -> SocketType:
    """Create a socket without a connection."""
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
    """Create a context for one event, as in ``fake_context(fake_socket(Socket, auth={...}))``.

    Args:
        ack: A function that receives the answer, such as a list's ``append``; None for an event
            without an ack.
    """
    return ExecutionContext(client, data, ack, pattern, gateway, handler)


def fake_http_context(
    request: object, *, handler: Callable[..., Any] = fake_socket, controller: type = object
) -> HttpContext:
    """Create the context of a request. aiohttp's ``make_mocked_request`` creates requests."""
    return HttpContext(request, HttpResponse(200), "GET /", controller, handler)


async def activate(guard: CanActivate, context: ExecutionContext) -> bool:
    """Run a sync or async guard in the same way as the pipeline, and return its verdict."""
    return await verdict_of(guard.can_activate, guard.can_activate(context))


def fake_connection(client: Socket) -> ConnectionContext:
    """Create the context that guards and filters receive while a socket connects."""
    return ConnectionContext(client, object, fake_connection)
