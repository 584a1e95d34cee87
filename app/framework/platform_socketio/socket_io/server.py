"""python-socketio's server with its own admission and dispatch.

Overrides of python-socketio 5.18's `AsyncServer`: how packets are handled (its connect handler
fails open, its events run as unbounded unordered tasks, and clients reach its lifecycle handlers
by name), and ``disconnect``. Rooms, ``emit`` and packet encoding remain the library's. Its
constructor makes ``eio`` of ``_engineio_server_class`` and what is left of the keywords, and hands
itself to ``manager``; its packets leave by ``eio.send``. A test holds it to that, see `upgrade`.
"""

import asyncio
import logging
from contextvars import copy_context
from datetime import UTC, datetime
from functools import partial
from typing import Any

import socketio
import structlog
from socketio import packet as packet_types

from app.concurrency.eager import EagerTasks
from app.framework.common.exceptions import WsBadRequest, WsDraining
from app.framework.common.minute_log import MinuteLog
from app.framework.platform_socketio.disconnect_reason import DisconnectReason
from app.framework.platform_socketio.engine_io.connection import Connection, Work
from app.framework.platform_socketio.engine_io.server import EngineOptions, EngineServer
from app.framework.platform_socketio.socket_io import packets
from app.framework.platform_socketio.socket_io.namespace import Acknowledgement, CompiledNamespace
from app.framework.platform_socketio.socket_io.packets import MalformedPacketError, StrictPacket
from app.framework.platform_socketio.socket_io.rooms import RoomManager
from app.framework.platform_socketio.socket_io.socket_link import NamespaceHub, ServerSocketLink
from app.framework.platform_socketio.websocket.heartbeat import Heartbeat
from app.framework.platform_socketio.websocket.upgrade import UpgradeRequest
from app.framework.platform_socketio.websocket.write_batcher import WriteBatcher
from app.framework.websockets.connections import ConnectHandler
from app.framework.websockets.socket import Handshake, Socket

_log = structlog.stdlib.get_logger("SocketServer")

_INVALID_NAMESPACE = "Invalid namespace"

_LARGE_AUTH = (
    f"auth must not exceed {packets.AUTH_MAX_CHARS} characters besides the token, "
    f"and {packets.AUTH_MAX_VALUES} values."
)

_WITH_ONE_ARGUMENT = 2
"""Entries of an event's array: the name, and what it is about."""

_COSTLY_PACKET = 19
"""How many further packets a CONNECT, a DISCONNECT or an ack counts as, of those that a client may
send in a second: clients need few of these, and each costs more than a ping or a refused event."""

_MAX_REFUSED_CONNECTS = 10
"""Of one connection, to namespaces that there are not; then it is closed."""


class SocketServer(socketio.AsyncServer):
    """The sockets of one path, in namespaces."""

    eio: EngineServer
    manager: RoomManager

    def __init__(self, options: EngineOptions) -> None:
        self._options = options
        self.max_packets_per_second = options.max_packets_per_second
        self.tasks = EagerTasks(copy_context())
        self.outbox = WriteBatcher()
        self.heartbeat = Heartbeat(
            options.ping_interval_seconds,
            options.ping_timeout_seconds,
            options.connect_timeout_seconds,
        )
        quiet = logging.getLogger("socketio.server")
        super().__init__(
            client_manager=RoomManager(self.outbox),
            logger=quiet,
            engineio_logger=quiet,
            serializer=StrictPacket,
            async_mode="aiohttp",
            transports=["websocket"],
            monitor_clients=False,
            options=options,
            owner=self,
        )
        self._endpoints: dict[str, CompiledNamespace] = {}
        self.is_closing = False
        self._floods = MinuteLog(self._log_flood)
        self._ending: dict[Connection, asyncio.TimerHandle | None] = {}
        """Closed, but something is still to be done: with the time until when, or to be sent."""

    def serve(self, namespace: str, endpoint: CompiledNamespace) -> None:
        """Open a namespace."""
        self._endpoints[namespace] = endpoint

    def hub(self, namespace: str) -> NamespaceHub:
        """All sockets of a namespace."""
        return NamespaceHub(self.manager, namespace)

    def handle(self, connection: Connection, frame: str) -> Work | None:
        """What is to be done for one message of a client.

        Raises:
            MalformedPacketError: It has no business here; the connection is closed.
        """
        event = packets.read_event(frame)
        if event is None:
            packet = StrictPacket.parse(frame[1:])
            namespace = packet.namespace or "/"
            if packet.packet_type != packet_types.EVENT:
                return self._handle_other(connection, namespace, packet, frame)
            packet_id, data = packet.id, packet.data
        else:
            namespace = "/"
            packet_id, data = event
        link: ServerSocketLink | None = connection.links.get(namespace)
        if link is None:
            # As Node: an event for a namespace one is not in ends the connection. After our own
            # disconnect it may have been on its way, and there is nobody left to handle it.
            raise MalformedPacketError
        ack = None if packet_id is None else Acknowledgement(link, packet_id)
        endpoint: CompiledNamespace = link.endpoint
        name = data[0] if data else None
        arguments = data[1] if len(data) == _WITH_ONE_ARGUMENT else data[1:] or None
        if self.is_closing:
            _refuse(link, name, ack)
            return None
        handler = endpoint.events.get(name) if isinstance(name, str) else None
        if handler is not None:
            return handler(link.socket, arguments, ack)
        if not packets.is_event(data):
            raise MalformedPacketError
        return endpoint.unknown(link.socket, str(name), arguments, ack)

    def connection_closed(self, connection: Connection, reason: DisconnectReason) -> None:
        """Out of every room at once; what the client had sent is still handled, then hooks run.

        Handling it has ``backlog_seconds``: behind a slow storage it would hold the session and
        the typing of somebody who is long gone.
        """
        self.heartbeat.forget(connection)
        self.eio.sockets.pop(connection.sid, None)
        self.eio.unadmitted.remove(connection.sid)
        for link in tuple(connection.links.values()):
            link.detach(reason)
        self._ending[connection] = None
        connection.enqueue(partial(self._finish, connection, reason))
        if connection.is_busy:
            self._ending[connection] = asyncio.get_running_loop().call_later(
                self._options.backlog_seconds,
                _drop_backlog,
                connection,
                reason,
                context=self.outbox.context,
            )

    def connection_gone(self, connection: Connection) -> None:
        """Nothing more can be sent; what is still done for the client goes on."""
        if not connection.is_busy:
            self._forget(connection)

    def flood_ended(self, connection: Connection) -> None:
        """Log it, once a minute at most for each address."""
        self._floods.count("flood", connection.request.address)

    async def disconnect(
        self,
        sid: str,
        namespace: str | None = None,
        ignore_queue: bool = False,  # noqa: ARG002, FBT001, FBT002 - the library's
    ) -> None:
        """python-socketio's own ``disconnect``, by way of the socket's link."""
        namespace = namespace or "/"
        connection = self.eio.sockets.get(self.manager.eio_sid_from_sid(sid, namespace) or "")
        if connection is not None:
            connection.links[namespace].disconnect(close=False)

    def stop_serving(self) -> None:
        """Accept no new client and begin with no further event; those being handled go on.

        Clients are not read any more. Events that were read already are refused as ``draining``.
        """
        self.is_closing = True
        self.eio.stop_accepting()
        self.heartbeat.stop()
        for connection in self.eio.sockets.values():
            connection.read_no_more()

    async def close(self, grace_seconds: float) -> None:
        """Stop serving, let handlers end, close every client with 1001, run the hooks.

        Handlers and close handshakes that take longer than ``grace_seconds`` each are cut off; what
        a client sent behind such an event is dropped, its hooks still run, as long again at most.
        """
        self.stop_serving()
        await _settled(self.eio.sockets.values(), grace_seconds)
        self.eio.close_all()
        await _settled(self._ending, grace_seconds)
        for connection in tuple(self._ending):
            _drop_backlog(connection, DisconnectReason.SERVER_SHUTTING_DOWN)
        await _settled(self._ending, grace_seconds)
        self.tasks.close()

    async def _admit(self, connection: Connection, namespace: str, auth: dict[str, Any]) -> None:
        """Guards and ``handle_connection``; then in or out, without an await."""
        endpoint = self._endpoints.get(namespace)
        if endpoint is None:
            connection.refused_connects += 1
            if connection.refused_connects > _MAX_REFUSED_CONNECTS:
                raise MalformedPacketError
            connection.push(packets.connect_error(namespace, _INVALID_NAMESPACE, None))
            return
        if namespace in connection.links:
            raise MalformedPacketError
        self.heartbeat.connect_arrived(connection)
        sid = self.eio.generate_id()
        link = ServerSocketLink(
            connection, namespace, sid, self.manager, endpoint, self._link_ended
        )
        link.socket = endpoint.socket_class(sid, _handshake(connection.request, auth), link)
        connection.links[namespace] = link
        self.manager.pending.add(link)
        admitted = False
        try:
            admitted = await _all_admit(endpoint.connect, link.socket)
        finally:  # cancellation too, whoever's it is, must leave nobody between in and out
            self.manager.pending.remove(link)
            link.settle(admitted=admitted)
        if link.connected:
            self.eio.unadmitted.remove(connection.sid)

    def _handle_other(
        self, connection: Connection, namespace: str, packet: StrictPacket, frame: str
    ) -> Work | None:
        connection.packets_left -= _COSTLY_PACKET
        if packet.packet_type == packet_types.CONNECT:
            # Who is gone by now could be admitted, but would never be ended: a ghost in its rooms.
            # While closing, the end of the connection with 1001 is the answer: come back later.
            if connection.closed or self.is_closing:
                return None
            auth = packet.data or {}
            if packets.has_large_auth(frame, auth):
                data = {"code": WsBadRequest.code, "detail": _LARGE_AUTH}
                connection.push(packets.connect_error(namespace, "Invalid auth", data))
                connection.close(DisconnectReason.SERVER_NAMESPACE_DISCONNECT)
                return None
            fields = self._options.auth_fields
            if fields is not None:
                auth = {name: value for name, value in auth.items() if name in fields}
            return self._admit(connection, namespace, auth)
        link = connection.links.get(namespace)
        if link is None:
            raise MalformedPacketError
        if packet.packet_type == packet_types.DISCONNECT:
            link.end(DisconnectReason.CLIENT_NAMESPACE_DISCONNECT)
        elif packet.id and packet.id in self.manager.callbacks.get(link.sid, ()):
            return self.manager.trigger_callback(link.sid, packet.id, packet.data)
        # What remains are acks that this server did not ask for: ignored, as by Node.
        return None

    def _log_flood(self, _: str, address: str, times: int) -> None:
        _log.warning(
            "flooding client cut off",
            address=address,
            times=times,
            max_packets_per_second=self.max_packets_per_second,
        )

    def _link_ended(self, link: ServerSocketLink, reason: DisconnectReason) -> None:
        """Run the hooks in turn; a connection without any namespace must come up with one again."""
        link.connection.enqueue(partial(self._run_disconnect_hooks, link, reason))
        if not link.connection.links and not link.connection.closed:
            self.heartbeat.expect_connect(link.connection)

    async def _run_disconnect_hooks(self, link: ServerSocketLink, reason: DisconnectReason) -> None:
        for hook in link.endpoint.disconnect:
            await hook(link.socket, reason)

    async def _finish(self, connection: Connection, reason: DisconnectReason) -> None:
        """Behind all that the client sent: end what is left, whose hooks queue behind this."""
        _end_links(connection, reason)
        connection.enqueue(partial(self._finished, connection))

    async def _finished(self, connection: Connection) -> None:
        timer = self._ending.get(connection)
        if timer is not None:
            timer.cancel()
        if connection.is_gone:
            self._forget(connection)

    def _forget(self, connection: Connection) -> None:
        self._ending.pop(connection, None)

    def _engineio_server_class(self) -> type[EngineServer]:
        return EngineServer


def _refuse(link: ServerSocketLink, name: object, ack: Acknowledgement | None) -> None:
    """Tell the client that its event was not handled because the server is closing."""
    error = WsDraining()
    if ack is not None:
        ack(error.to_ack())
    else:
        link.socket.emit("exception", error.to_event({"pattern": name}))


def _handshake(request: UpgradeRequest, auth: dict[str, Any]) -> Handshake:
    return Handshake(
        auth=auth,
        headers=request.headers,
        query=request.query,
        address=request.address,
        issued=datetime.now(UTC),
    )


async def _all_admit(handlers: tuple[ConnectHandler, ...], socket: Socket) -> bool:
    for handler in handlers:
        if not await handler(socket):
            return False
    return True


def _drop_backlog(connection: Connection, reason: DisconnectReason) -> None:
    """Handle nothing more of what the client sent; its hooks still run."""
    _end_links(connection, reason)
    connection.cut_off()


def _end_links(connection: Connection, reason: DisconnectReason) -> None:
    for link in tuple(connection.links.values()):
        link.end(reason)


async def _settled(connections: Any, timeout_seconds: float) -> None:
    waits = [asyncio.ensure_future(connection.idle()) for connection in connections]
    if waits:
        _, late = await asyncio.wait(waits, timeout=timeout_seconds)
        for wait in late:
            wait.cancel()
