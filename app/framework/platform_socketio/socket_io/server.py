"""The Socket.IO server: admits sockets and dispatches their events.

`SocketServer` overrides the packet handling and ``disconnect`` of python-socketio 5.18's
`AsyncServer`, because the library admits a client even if the connect handler fails, runs events in
an unlimited number of unordered tasks, and lets clients call lifecycle handlers by name.
`SocketServer` inherits ``emit`` and the encoding of packets.

`SocketServer` relies on the library's constructor to create ``eio`` from ``_engineio_server_class``
and the unknown keyword arguments, and to give ``manager`` a reference to the server. The library
sends packets with ``eio.send``. ``test_library_internals.py`` checks this.
"""

import logging
import re
from collections.abc import Callable
from contextvars import copy_context
from functools import partial
from typing import Any

import socketio
import structlog
from socketio import packet as packet_types

from app.concurrency.eager import EagerTasks
from app.framework.common.exceptions import WsBadRequest, WsDraining
from app.framework.common.minute_log import MinuteLog
from app.framework.platform_socketio.disconnect_reason import DisconnectReason
from app.framework.platform_socketio.engine_io.connection import Connection
from app.framework.platform_socketio.engine_io.connection_owner import Handling
from app.framework.platform_socketio.engine_io.server import EngineOptions, EngineServer
from app.framework.platform_socketio.errors import MalformedPacketError
from app.framework.platform_socketio.json_codec import BytesFound
from app.framework.platform_socketio.socket_io import binary_packets, packets
from app.framework.platform_socketio.socket_io.binary_connection import BinaryConnection
from app.framework.platform_socketio.socket_io.closing import (
    ClosedConnections,
    close_in_batches,
    wait_until_all_idle,
)
from app.framework.platform_socketio.socket_io.dynamic_namespaces import DynamicNamespace
from app.framework.platform_socketio.socket_io.namespace import CompiledNamespace
from app.framework.platform_socketio.socket_io.packets import StrictPacket
from app.framework.platform_socketio.socket_io.room_manager import RoomManager
from app.framework.platform_socketio.socket_io.rooms import NamespaceRooms
from app.framework.platform_socketio.socket_io.socket_link import (
    ADMITTED,
    ClientConnection,
    ServerSocketLink,
)
from app.framework.platform_socketio.websocket.heartbeat import Heartbeat
from app.framework.platform_socketio.websocket.write_batcher import WriteBatcher
from app.framework.websockets.socket_api.acks import AwaitedAck
from app.framework.websockets.socket_api.cluster_adapter import Cluster

_log = structlog.stdlib.get_logger("SocketServer")

_INVALID_NAMESPACE = "Invalid namespace"

_LARGE_AUTH = (
    f"auth must not exceed {packets.AUTH_MAX_CHARS} characters besides the token, "
    f"and {packets.AUTH_MAX_VALUES} values."
)

_NAME_AND_ONE_ARGUMENT = 2
"""The length of an event array with one argument, which is the usual case."""

_COSTLY_PACKET = 19
"""The rate limit counts a CONNECT, DISCONNECT or ack as this many additional packets. Clients need
few of these packets, and each costs more than a ping or a rejected event.
"""

_MAX_REJECTED_CONNECTS = 10
"""The maximum number of rejected CONNECT packets of a connection; one more closes it."""

_MAX_NAMESPACES = 16
"""A connection that is in this number of namespaces cannot join another dynamic namespace."""


class Acknowledgement:
    """The ack function of a handler: only the first call answers the client's event."""

    __slots__ = ("_link", "_packet_id")

    def __init__(self, link: ServerSocketLink, packet_id: int) -> None:
        self._link: ServerSocketLink | None = link
        """The link of the socket to answer; None after the answer."""
        self._packet_id = packet_id
        """The id of the client's event."""

    def __call__(self, *args: Any) -> bool:
        """Answer the client's event; return False if the event was answered before.

        After a disconnect, nothing is sent, but the first call still returns True.

        Raises:
            TypeError: An argument has no JSON form, or bytes are not allowed. Nothing is sent; a
                later call can still answer.
        """
        link = self._link
        if link is None:
            return False
        if link.state is ADMITTED:
            try:
                encoded = packets.encode_ack(link.namespace, self._packet_id, args)
            except BytesFound:
                link.hub.check_binary()
                frames = binary_packets.ack_frames(link.namespace, self._packet_id, args)
                link.connection.send_frame(frames)
            else:
                link.connection.send_text(encoded)
        self._link = None
        return True


class SocketServer(socketio.AsyncServer):
    """The Socket.IO server of one path, with its namespaces. Implements `ConnectionOwner`.

    Attributes:
        eio: The Engine.IO server, which keeps the open connections. The library requires this
            attribute.
        manager: The rooms of all namespaces. The library requires this attribute.
    """

    eio: EngineServer[ServerSocketLink]
    manager: RoomManager

    def __init__(self, options: EngineOptions) -> None:
        self.max_packets_per_second = options.max_packets_per_second
        self.tasks = EagerTasks(copy_context())
        self.batcher = WriteBatcher()
        self.heartbeat = Heartbeat(
            options.ping_interval_seconds,
            options.ping_timeout_seconds,
            options.connect_timeout_seconds,
        )
        quiet = logging.getLogger("socketio.server")
        super().__init__(
            client_manager=RoomManager(
                self.batcher,
                options.connect_timeout_seconds,
                allows_binary=options.max_attachments > 0,
            ),
            logger=quiet,
            engineio_logger=quiet,
            serializer=StrictPacket,
            async_mode="aiohttp",
            transports=["websocket"],
            monitor_clients=False,
            options=options,
            owner=self,
            create_connection=_connection_factory(options.max_attachments),
        )
        self._auth_fields = options.auth_fields
        """The fields of ``auth`` that are kept; None keeps all."""
        self._namespaces: dict[str, tuple[CompiledNamespace, NamespaceRooms]] = {}
        """The handlers and rooms of each namespace, by name."""
        self._flood_log = MinuteLog(self._log_flood)
        """Logs clients that send too many packets."""
        self._closed_connections = ClosedConnections(options.backlog_seconds, self.batcher.context)
        """Closed connections that still have packets or hooks to finish."""

    def open_namespace(self, name: str, compiled: CompiledNamespace) -> None:
        """Serve a namespace with these handlers."""
        self._namespaces[name] = (compiled, self.manager.open_namespace(name))

    def open_dynamic_namespace(
        self, name: str, pattern: re.Pattern[str], compiled: CompiledNamespace
    ) -> None:
        """Serve all namespaces whose names match the pattern."""
        self.manager.dynamic[name] = DynamicNamespace(
            name, pattern, compiled, self.manager, self.batcher
        )

    def handle_message(
        self, connection: ClientConnection, message: str, attachments: tuple[bytes, ...] = ()
    ) -> Handling | None:
        """See `ConnectionOwner.handle_message`."""
        event = packets.decode_event(message)
        if event is None:
            packet = _parse(message, attachments)
            namespace = packet.namespace or "/"
            if packet.packet_type != packet_types.EVENT:
                return self._handle_other_packet(connection, namespace, packet, message)
            packet_id, data = packet.id, packet.data
        else:
            namespace = "/"
            packet_id, data = event
        link = connection.links.get(namespace)
        if link is None:
            self._check_stray_packet(connection, namespace)
            return None
        ack = None if packet_id is None else Acknowledgement(link, packet_id)
        name = data[0] if data else None
        arguments = data[1] if len(data) == _NAME_AND_ONE_ARGUMENT else data[1:] or None
        if connection.is_draining:
            _reject_as_draining(link, name, ack)
            return None
        handler = link.compiled.events.get(name) if isinstance(name, str) else None
        if handler is not None:
            return handler(link.socket, arguments, ack)
        if not packets.is_event_array(data):
            raise MalformedPacketError
        return link.compiled.unknown(link.socket, str(name), arguments, ack)

    def handle_awaited_ack(
        self, connection: ClientConnection, message: str, attachments: tuple[bytes, ...] = ()
    ) -> bool:
        """See `ConnectionOwner.handle_awaited_ack`."""
        if not self.manager.callbacks:
            return False
        try:
            packet = _parse(message, attachments)
        except MalformedPacketError:
            return False  # the connection is closed later, when the inbox is handled
        link = connection.links.get(packet.namespace or "/")
        if link is None or packet.packet_type != packet_types.ACK:
            return False
        ack = self.manager.callbacks.get(link.sid, {}).get(packet.id)
        if not isinstance(ack, AwaitedAck):
            return False
        connection.packets_left -= _COSTLY_PACKET
        ack(*packet.data)
        return True

    def connection_closed(self, connection: ClientConnection, reason: DisconnectReason) -> None:
        """Leave all rooms at once; then handle the waiting packets; then run the disconnect hooks.

        Guards may reject the packets of a closed connection; for example, the application's
        `WsGuard` rejects them if the session is revoked. `ClosedConnections` limits the time for
        handling the packets.
        """
        self.heartbeat.stop_pinging(connection)
        self.eio.sockets.pop(connection.sid, None)
        self.eio.admission_limiter.discard(connection.sid)
        for link in tuple(connection.links.values()):
            link.detach(reason)
        self._closed_connections.add_connection(connection, reason)

    def connection_tcp_closed(self, connection: ClientConnection) -> None:
        """See `ConnectionOwner.connection_tcp_closed`."""
        self._closed_connections.discard_if_finished(connection)

    def connection_flooded(self, connection: ClientConnection) -> None:
        """Log the flood, at most once a minute for each address."""
        self._flood_log.count("flood", connection.request.address)

    async def disconnect(
        self,
        sid: str,
        namespace: str | None = None,
        ignore_queue: bool = False,  # noqa: ARG002, FBT001, FBT002 - the library's signature
    ) -> None:
        """Disconnect a socket. Overrides the library's method."""
        namespace = namespace or "/"
        connection = self.eio.sockets.get(self.manager.eio_sid_from_sid(sid, namespace) or "")
        if connection is not None:
            connection.links[namespace].disconnect(close=False)

    def join_cluster(self, cluster: Cluster) -> None:
        """Connect the namespaces to other nodes. Must be called before the namespaces open."""
        self.manager.cluster = cluster

    async def disconnect_clients(self, seconds: float, ack_seconds: float) -> None:
        """Accept no connections, and close the open ones in batches; see `close_in_batches`."""
        self.eio.stop_accepting()
        await close_in_batches(tuple(self.eio.sockets.values()), seconds, ack_seconds)

    def stop_serving(self) -> None:
        """Accept no connections, read no more packets, and reject waiting events as ``draining``.

        Running handlers continue.
        """
        self.eio.stop_accepting()
        self.heartbeat.stop()
        for connection in self.eio.sockets.values():
            connection.drain()

    async def shut_down(self, grace_seconds: float) -> None:
        """Stop serving, wait for handlers, close connections with code 1001, run disconnect hooks.

        Each step takes at most ``grace_seconds``. Handlers and close handshakes that take longer
        are cancelled, and the packets that wait behind them are dropped. The disconnect hooks of
        these connections still run.
        """
        self.stop_serving()
        await wait_until_all_idle(self.eio.sockets.values(), grace_seconds)
        self.eio.close_all()
        await self._closed_connections.wait_until_finished(grace_seconds)
        self._closed_connections.drop_backlogs(DisconnectReason.SERVER_SHUTTING_DOWN)
        await self._closed_connections.wait_until_finished(grace_seconds)
        for rooms in tuple(self.manager.rooms.values()):
            await rooms.close()
        for dynamic in self.manager.dynamic.values():
            await dynamic.server_events.close()
        self.tasks.close()

    def _handle_other_packet(
        self, connection: ClientConnection, namespace: str, packet: StrictPacket, message: str
    ) -> Handling | None:
        connection.packets_left -= _COSTLY_PACKET
        if packet.packet_type == packet_types.CONNECT:
            return self._handle_connect(connection, namespace, packet.data or {}, message)
        link = connection.links.get(namespace)
        if link is None:
            self._check_stray_packet(connection, namespace)
            return None
        if packet.packet_type == packet_types.DISCONNECT:
            link.end_link(DisconnectReason.CLIENT_NAMESPACE_DISCONNECT)
        elif packet.id and packet.id in self.manager.callbacks.get(link.sid, ()):
            return self.manager.trigger_callback(link.sid, packet.id, packet.data)
        # Acks that this server did not request are ignored, as in Node.
        return None

    def _check_stray_packet(self, connection: ClientConnection, namespace: str) -> None:
        """Ignore a packet that the client may have sent too late, or raise MalformedPacketError.

        The client is not in this namespace, but may have sent the packet before it received the
        server's DISCONNECT. Node closes the connection in any case. Here, the packet is ignored if
        the client is in another namespace, and the server has the namespace of the packet.
        """
        dynamic = self.manager.dynamic.values()
        is_served = namespace in self._namespaces or any(
            each.pattern.fullmatch(namespace) for each in dynamic
        )
        if not (connection.links and is_served):
            raise MalformedPacketError

    def _find_namespace(
        self, connection: ClientConnection, name: str
    ) -> tuple[CompiledNamespace, NamespaceRooms] | None:
        served = self._namespaces.get(name)
        if served is None and len(connection.links) < _MAX_NAMESPACES:
            for dynamic in self.manager.dynamic.values():
                rooms = dynamic.open(name)
                if rooms is not None:
                    return dynamic.compiled, rooms
        return served

    def _handle_connect(
        self, connection: ClientConnection, namespace: str, auth: dict[str, Any], message: str
    ) -> Handling | None:
        # Do not admit a socket on a closed connection, because it would never be disconnected.
        # While the server shuts down, send no answer: the connection is about to be closed with
        # code 1001, after which clients reconnect.
        if connection.closed or not self.eio.is_accepting:
            return None
        if packets.exceeds_auth_limits(message, auth):
            data = {"code": WsBadRequest.code, "detail": _LARGE_AUTH}
            connection.send_text(packets.encode_connect_error(namespace, "Invalid auth", data))
            if not connection.links:
                connection.close(DisconnectReason.SERVER_NAMESPACE_DISCONNECT)
            return None
        if namespace in connection.links:
            raise MalformedPacketError
        served = self._find_namespace(connection, namespace)
        if served is None:
            _count_rejected_connect(connection)
            connection.send_text(packets.encode_connect_error(namespace, _INVALID_NAMESPACE, None))
            return None
        if self._auth_fields is not None:
            auth = {name: value for name, value in auth.items() if name in self._auth_fields}
        return self._admit(connection, *served, auth)

    async def _admit(
        self,
        connection: ClientConnection,
        compiled: CompiledNamespace,
        hub: NamespaceRooms,
        auth: dict[str, Any],
    ) -> None:
        self.heartbeat.stop_connect_timeout(connection)
        sid = self.eio.next_id()
        link = ServerSocketLink(connection, hub, sid, auth, compiled)
        connection.links[hub.namespace] = link
        try:
            await link.admit_or_reject()
        finally:
            hub.close_if_empty()
        if link.state is ADMITTED:
            self.eio.admission_limiter.discard(connection.sid)
        elif not connection.closed:
            _count_rejected_connect(connection)

    def _log_flood(self, _: str, address: str, times: int) -> None:
        _log.warning(
            "flooding client cut off",
            address=address,
            times=times,
            max_packets_per_second=self.max_packets_per_second,
        )

    def _engineio_server_class(self) -> type[EngineServer[ServerSocketLink]]:
        return EngineServer


def _connection_factory(max_attachments: int) -> Callable[..., ClientConnection]:
    if max_attachments > 0:
        return partial(BinaryConnection, max_attachments=max_attachments)
    return Connection


def _parse(message: str, attachments: tuple[bytes, ...]) -> StrictPacket:
    if attachments:
        return binary_packets.decode(message, attachments)
    return StrictPacket.parse(message[1:])


def _count_rejected_connect(connection: ClientConnection) -> None:
    connection.rejected_connects += 1
    if connection.rejected_connects > _MAX_REJECTED_CONNECTS:
        raise MalformedPacketError


def _reject_as_draining(link: ServerSocketLink, name: object, ack: Acknowledgement | None) -> None:
    error = WsDraining()
    if ack is not None:
        ack(error.to_ack())
    else:
        link.socket.emit("exception", error.to_event({"pattern": name}))
