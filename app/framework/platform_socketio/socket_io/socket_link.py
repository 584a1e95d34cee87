"""`ServerSocketLink`: connects a socket to the transport, from CONNECT until the disconnect."""

import asyncio
from collections.abc import Coroutine, Iterable, Mapping
from collections.abc import Set as AbstractSet
from dataclasses import replace
from datetime import UTC, datetime
from enum import Enum, auto
from functools import partial
from typing import Any, NamedTuple

from aiohttp import WSCloseCode

from app.framework.common.exceptions import WsUnavailable
from app.framework.platform_socketio.disconnect_reason import DisconnectReason
from app.framework.platform_socketio.engine_io.connection import Connection
from app.framework.platform_socketio.socket_io import packets
from app.framework.platform_socketio.socket_io.namespace import CompiledNamespace
from app.framework.platform_socketio.socket_io.rooms import NamespaceRooms
from app.framework.platform_socketio.websocket.write_batcher import text_frame
from app.framework.websockets.socket import Handshake, Socket
from app.framework.websockets.socket_api.listeners import (
    DISCONNECT,
    DISCONNECTING,
    DisconnectingListener,
    DisconnectListener,
    Listener,
    add_listener,
    remove_listener,
)

ClientConnection = Connection["ServerSocketLink"]
"""The connection of a Socket.IO client."""


class LinkState(Enum):
    """The states of a socket. A state can change only to a state further down."""

    PENDING = auto()
    """Guards and ``handle_connection`` are running: outgoing events and joins are queued."""
    ADMITTED = auto()
    """The client is in the namespace."""
    DETACHED = auto()
    """The connection is closed, and the socket has left its rooms. Packets that were received
    earlier are still handled, unless a guard rejects them.
    """
    ENDED = auto()
    """The socket has left the namespace; its disconnect hooks are enqueued."""


ADMITTED = LinkState.ADMITTED
"""A module constant, because reading a global is faster than reading an enum member."""


class _Rejection(NamedTuple):
    frames: list[bytes]
    """The frames to send before closing."""
    close_code: WSCloseCode | None = None
    """The WebSocket close code for the whole connection.

    None ends only this socket, unless it is the client's only socket.
    """


class _PendingChanges:
    """The actions that are queued while a socket is PENDING."""

    __slots__ = ("emitted", "frames", "rejection", "rooms", "size")

    def __init__(self, sid: str) -> None:
        self.frames: list[bytes] = []
        """The frames of events and broadcasts to send when the socket is admitted."""
        self.emitted: list[bytes] = []
        """The frames of events that were emitted to this socket alone. `disconnect` sends them
        to a socket that is not admitted; broadcasts are not sent to such a socket.
        """
        self.size = 0
        """The total length of ``frames``."""
        self.rejection: _Rejection | None = None
        """How to reject the socket; None if nothing has rejected it."""
        self.rooms: dict[str, None] = {sid: None}
        """The rooms to join, in order; the first one is named after the socket's id."""

    def add(self, frame: bytes) -> None:
        """Queue an event until the socket is admitted."""
        self.frames.append(frame)
        self.size += len(frame)


class ServerSocketLink:
    """Connects a socket to its client. Implements `SocketLink` of ``websockets/socket.py``.

    While the state is PENDING, the link queues joins and outgoing events. `admit_or_reject` then
    applies the queued actions without an await in between, so broadcasts and event handlers never
    find a partly admitted socket.
    """

    __slots__ = (
        "_passed_middlewares",
        "_pending",
        "compiled",
        "connection",
        "hub",
        "namespace",
        "sid",
        "socket",
        "state",
    )

    def __init__(
        self,
        connection: ClientConnection,
        hub: NamespaceRooms,
        sid: str,
        auth: Mapping[str, Any],
        compiled: CompiledNamespace,
    ) -> None:
        self.connection = connection
        """The client's connection."""
        self.hub = hub
        """The rooms of the namespace."""
        self.namespace = hub.namespace
        """The namespace's name."""
        self.sid = sid
        """The socket's id."""
        self.compiled = compiled
        """The handlers of the namespace, and this socket's own listeners."""
        self.state = LinkState.PENDING
        """See `LinkState`."""
        self._pending: _PendingChanges | None = _PendingChanges(sid)
        """The queued actions; None unless the state is PENDING."""
        self._passed_middlewares = False
        """Whether the hooks and listeners of the disconnect will run. As in Node, they do not run
        for a socket that a middleware refuses, because ``handle_connection`` does not run either.
        """
        request = connection.request
        handshake = Handshake(
            auth=auth,
            headers=request.headers,
            query=request.query,
            address=request.address,
            issued=datetime.now(UTC),
            path=request.path,
        )
        self.socket: Socket = compiled.socket_class(sid, handshake, self)
        """The `Socket` that handlers receive."""

    @property
    def connected(self) -> bool:
        """Whether the socket is admitted, or is pending and has not been rejected."""
        if self._pending is not None:
            return self._pending.rejection is None
        return self.state is ADMITTED

    @property
    def can_ack(self) -> bool:
        """Whether the socket is admitted."""
        return self.state is ADMITTED

    @property
    def answers_pings(self) -> bool:
        """See `Connection.answers_pings`."""
        return self.connection.answers_pings

    @property
    def rooms(self) -> AbstractSet[str]:
        """The rooms that the socket is in, or will join when it is admitted, in order."""
        if self._pending is not None:
            return dict.fromkeys(self._pending.rooms).keys()
        return dict.fromkeys(self.hub.rooms_of(self.sid)).keys()

    @property
    def pending_rooms(self) -> AbstractSet[str]:
        """The rooms that the socket will join when it is admitted: a view, not a copy."""
        return frozenset() if self._pending is None else self._pending.rooms.keys()

    async def admit_or_reject(self) -> None:
        """Run middlewares, guards and ``handle_connection``, then admit or reject the socket.

        An admitted socket receives the answer to CONNECT, joins its rooms, then receives the queued
        events.
        """
        self.hub.pending[self.sid] = self
        admitted = False
        try:
            for middleware in self.hub.middlewares:
                if not await middleware(self.socket):
                    return
            self._passed_middlewares = True
            for connect in self.compiled.connect:
                if not await connect(self.socket):
                    return
            admitted = True
        finally:  # also after a cancellation: no socket may stay pending
            del self.hub.pending[self.sid]
            self._finish_admission(admitted=admitted)

    def _finish_admission(self, *, admitted: bool) -> None:
        pending = self._pending
        if pending is None:
            return
        if not admitted and pending.rejection is None:
            self.disconnect(close=False)
        if pending.rejection is not None:
            self._reject(pending.rejection)
            return
        self._pending = None
        self.connection.send_text(packets.encode_connect(self.namespace, self.sid))
        # Set the state before joining: if a join raises an error, the connection is closed, and
        # `detach` removes the socket from its rooms only if the state is ADMITTED.
        self.state = ADMITTED
        self.hub.add_socket(self.sid, self.connection, pending.rooms)
        self._release_rooms(pending)
        for frame in pending.frames:
            self.connection.send_frame(frame)

    def _reject(self, rejection: _Rejection) -> None:
        for frame in rejection.frames:
            self.connection.send_frame(frame)
        if rejection.close_code is None and len(self.connection.links) > 1:
            self.end_link(DisconnectReason.SERVER_NAMESPACE_DISCONNECT)
        elif rejection.close_code is WSCloseCode.TRY_AGAIN_LATER:
            self.connection.close(
                DisconnectReason.SERVER_NAMESPACE_DISCONNECT, rejection.close_code
            )
        else:
            self._close_connection()

    def _close_connection(self) -> None:
        """Disconnect the client's other sockets, so that none reconnects; close the connection."""
        for link in self.connection.links.values():
            if link is not self:
                self.connection.send_text(packets.encode_disconnect(link.namespace))
        self.connection.close(DisconnectReason.SERVER_NAMESPACE_DISCONNECT)

    def detach(self, reason: DisconnectReason) -> None:
        """Leave every room, because the connection is closed.

        The waiting packets are still handled; then `ClosedConnections` calls `end_link`. If the
        socket is not admitted, or the client has broken the protocol, this method calls `end_link`
        immediately, and the waiting packets are not handled.
        """
        if self.state is LinkState.PENDING or reason is DisconnectReason.PARSE_ERROR:
            self.end_link(reason)
            return
        self._call_disconnecting(reason)
        if self.state is ADMITTED:
            self.state = LinkState.DETACHED
            self.hub.remove_socket(self.sid)

    def end_link(self, reason: DisconnectReason) -> None:
        """Leave every room and the namespace, and enqueue the disconnect hooks."""
        self._call_disconnecting(reason)
        if self.state is LinkState.ENDED:
            return
        if self.state is ADMITTED:
            self.hub.remove_socket(self.sid)
        self.state = LinkState.ENDED
        if self._pending is not None:
            self._release_rooms(self._pending)
            self._pending = None
        self.connection.links.pop(self.namespace, None)
        if self._passed_middlewares:
            self.connection.enqueue_job(partial(self._run_disconnect_hooks, reason))
        self.connection.limit_time_without_links()

    def _call_disconnecting(self, reason: DisconnectReason) -> None:
        """Call the listeners of ``disconnecting`` once, before the socket leaves its rooms.

        A listener may disconnect the socket, so the caller must read the state after this call.
        """
        listeners = self.compiled.disconnecting if self._passed_middlewares else ()
        if listeners and self.state in {LinkState.PENDING, ADMITTED}:
            self.compiled = replace(self.compiled, disconnecting=())
            for listener in listeners:
                listener(self.socket, reason)

    def emit(self, event: str, args: tuple[Any, ...]) -> None:
        """Send an event, or queue it while the state is PENDING; no effect after a disconnect."""
        if self.state is ADMITTED:
            self.connection.send_frame(self.hub.event_frame(event, args))
        elif self._pending is not None:
            frame = self.hub.event_frame(event, args)
            self._pending.emitted.append(frame)
            self.queue_broadcast(frame)

    def queue_broadcast(self, frame: bytes) -> None:
        """Queue an event for a pending socket. If the queue is too large, abort the connection."""
        pending = self._pending
        if pending is not None:
            pending.add(frame)
            if pending.size > self.connection.max_queue_bytes:
                self.connection.on_queue_limit(pending.size)

    def emit_volatile(self, event: str, args: tuple[Any, ...]) -> None:
        """Send an event unless the client is not reading."""
        if not self.hub.is_stalled(self.connection):
            self.emit(event, args)

    async def emit_with_ack(self, event: str, args: tuple[Any, ...], timeout_seconds: float) -> Any:
        """Send an event, and wait for the client's ack.

        Raises:
            ConnectionError: The socket is not ADMITTED, or disconnects before the ack.
            TimeoutError: The client did not ack in time.
            RuntimeError: The server is waiting for too many acks of this socket.
        """
        if self.state is not ADMITTED:
            state = "is still connecting" if self.state is LinkState.PENDING else "has disconnected"
            raise ConnectionError(f"the client {state}, so it cannot ack '{event}'")
        packet_id, ack = self.hub.owner.expect_ack(self.sid)
        try:
            self.connection.send_frame(self.hub.event_frame(event, args, packet_id))
            async with asyncio.timeout(timeout_seconds):
                return await ack.future
        finally:
            self.hub.owner.forget_ack(self.sid, packet_id)

    def join(self, rooms: Iterable[str]) -> None:
        """Join rooms, now or when the socket is admitted; no effect after a disconnect."""
        for room in rooms:
            if self.state is ADMITTED:
                self.hub.add_to_room(self.sid, room)
            elif self._pending is not None and room not in self._pending.rooms:
                self._pending.rooms[room] = None
                self.hub.add_pending(room, self)

    def leave(self, room: str) -> None:
        """Leave a room; no effect if the socket is not in the room."""
        if self._pending is not None:
            if room in self._pending.rooms:
                del self._pending.rooms[room]
                self.hub.remove_pending(room, self)
        elif self.state is ADMITTED:
            self.hub.remove_from_room(self.sid, room)

    def on(self, event: str, listener: Listener, *, once: bool) -> None:
        """Replace this socket's handlers with a copy that also calls the listener."""
        compiled = self.compiled
        if event == DISCONNECT:
            hook = DisconnectListener(listener)
            self.compiled = replace(compiled, disconnect=(*compiled.disconnect, hook))
        elif event == DISCONNECTING:
            disconnecting = (*compiled.disconnecting, DisconnectingListener(listener))
            self.compiled = replace(compiled, disconnecting=disconnecting)
        else:
            events = add_listener(compiled.events, event, listener, once=once)
            self.compiled = replace(compiled, events=events)

    def off(self, event: str, listener: Listener | None) -> None:
        """Remove one listener of the event, or all of them if ``listener`` is None."""
        compiled = self.compiled
        if event == DISCONNECT:
            hooks = [
                hook
                for hook in compiled.disconnect
                if not isinstance(hook, DisconnectListener) or listener not in {None, hook.listener}
            ]
            self.compiled = replace(compiled, disconnect=tuple(hooks))
        elif event == DISCONNECTING:
            others = [
                each for each in compiled.disconnecting if listener not in {None, each.listener}
            ]
            self.compiled = replace(compiled, disconnecting=tuple(others))
        else:
            events = remove_listener(compiled.events, event, listener)
            self.compiled = replace(compiled, events=events)

    def run_in_background(self, coroutine: Coroutine[Any, Any, None]) -> bool:
        """See `Connection.run_in_background`."""
        return self.connection.run_in_background(coroutine)

    async def pause_events(self, seconds: float) -> None:
        """See `Connection.pause_events`."""
        await self.connection.pause_events(seconds)

    def disconnect(self, *, close: bool) -> None:
        """Disconnect the socket; reject a pending socket when its connect handlers have run."""
        if self._pending is not None:
            disconnect = text_frame(packets.encode_disconnect(self.namespace))
            answers = [*self._answers(self._pending), disconnect]
            self._pending.rejection = _Rejection(answers, WSCloseCode.OK if close else None)
        elif self.state is ADMITTED:
            self.connection.send_text(packets.encode_disconnect(self.namespace))
            self.end_link(DisconnectReason.SERVER_NAMESPACE_DISCONNECT)
            if close:
                self._close_connection()

    def refuse(self, message: str, data: Any) -> None:
        """Reject a pending socket with ``connect_error``."""
        if self._pending is not None:
            answers = [text_frame(packets.encode_connect_error(self.namespace, message, data))]
            self._pending.rejection = _Rejection(answers)

    def close_transport(self, *, answer_connect: bool) -> None:
        """Close the connection with code 1013, but send no DISCONNECT; reject a pending socket.

        If the socket is pending and the client is in other namespaces, only this socket is
        rejected, and the connection stays open. See `Socket.close_transport`.
        """
        if self._pending is not None and len(self.connection.links) > 1:
            if answer_connect:
                self.disconnect(close=False)
            else:
                data = {"code": WsUnavailable.code, "temporary": True}
                self.refuse("temporarily unavailable", data)
        elif self._pending is not None:
            answers = self._answers(self._pending) if answer_connect else []
            self._pending.rejection = _Rejection(answers, WSCloseCode.TRY_AGAIN_LATER)
        elif self.state is ADMITTED:
            self.end_link(DisconnectReason.SERVER_NAMESPACE_DISCONNECT)
            self.connection.close(
                DisconnectReason.SERVER_NAMESPACE_DISCONNECT, WSCloseCode.TRY_AGAIN_LATER
            )

    def _release_rooms(self, pending: _PendingChanges) -> None:
        for room in pending.rooms:
            self.hub.remove_pending(room, self)

    async def _run_disconnect_hooks(self, reason: DisconnectReason) -> None:
        for hook in self.compiled.disconnect:
            await hook(self.socket, reason)

    def _answers(self, pending: _PendingChanges) -> list[bytes]:
        return [text_frame(packets.encode_connect(self.namespace, self.sid)), *pending.emitted]
