"""The Engine.IO server: accepts WebSockets, and keeps the open connections.

`EngineServer` replaces the HTTP entry (``handle_request``) and the socket class of engineio 4.15's
`AsyncServer`. It uses the library's registry ``sockets`` and method ``send``, which calls
``send_packet``; ``test_library_internals.py`` checks this. Unlike the library, `EngineServer`
limits queues and durations, rejects origins that are not configured (see `OriginRule`), and does
not support polling or compression.
"""

import base64
import os
from collections.abc import Callable
from dataclasses import dataclass
from itertools import chain
from typing import Generic

import engineio
import structlog
from aiohttp import hdrs, web
from engineio import packet as engineio_packet

from app.framework.common.connection_limiter import ConnectionLimiter
from app.framework.common.minute_log import MinuteLog
from app.framework.platform_socketio import json_codec
from app.framework.platform_socketio.disconnect_reason import DisconnectReason
from app.framework.platform_socketio.engine_io.connection import Connection
from app.framework.platform_socketio.engine_io.connection_owner import ConnectionOwner, Link
from app.framework.platform_socketio.engine_io.request_check import (
    FORBIDDEN,
    AllowRequest,
    RequestCheck,
)
from app.framework.platform_socketio.websocket import upgrade
from app.framework.platform_socketio.websocket.client_address import Network
from app.framework.platform_socketio.websocket.origin_rule import OriginRule
from app.framework.platform_socketio.websocket.upgrade import UpgradeRequest
from app.framework.platform_socketio.websocket.write_batcher import text_frame
from app.framework.websockets.cors import Origins, parse_origins

_log = structlog.stdlib.get_logger("EngineServer")

_PROTOCOL = "4"

_MAX_QUERY_FIELDS = 64
"""The maximum number of query parameters. They stay in memory until the connection closes. A URL of
8 kB can hold 2,700 parameters, which take 0.5 MB.
"""

_TRANSPORT_HINT = 'Only websocket is supported. Set transports: ["websocket"] in the client.'
_VERSION_HINT = "Only Engine.IO 4 is supported. Use socket.io-client 3 or 4."
_QUERY_HINT = f"The URL must not have more than {_MAX_QUERY_FIELDS} query parameters."

_TOO_MANY = "connections refused: too many connections from this address without an admitted socket"

_ID_BYTES, _ID_CHARS = 15, 20
_IDS_PER_BLOCK = 256


@dataclass(frozen=True, slots=True)
class EngineOptions:
    """Limits and rules of one server.

    Attributes:
        origins: The origins whose pages may connect, besides the server's own origin; see `Cors`.
        allow_request: Decides for each upgrade request whether the client may connect, after the
            checks of this server. Its time limit is ``connect_timeout_seconds``.
        origins_setting: The name of the setting that defines ``origins``; used in log lines.
        warn_of_forwarded: Whether to log once when ``X-Forwarded-For`` arrives but no proxy is
            trusted.
        client_network: Returns the network of a client's address: the address itself or, for IPv6,
            its prefix.
        backlog_seconds: The time limit for handling the remaining packets of a closed connection.
        max_attachments: The maximum number of bytes objects in a client's event or ack; 0 allows no
            binary packets in either direction. The bytes objects and the text of a packet together
            have at most ``max_frame_bytes``. Each bytes object counts as a packet in
            ``max_packets_per_second``.
        socket_queue_max_bytes: The maximum number of unsent bytes for one client. If the client
            reads too slowly and exceeds this limit, the connection is aborted.
        auth_fields: The fields of CONNECT's ``auth`` object that are kept; None keeps all.
        header_names: The headers of the upgrade request that are kept, in lower case; None keeps
            all.
        query_names: The parameters of the request's URL that are kept; None keeps all.
    """

    origins: Origins = ()
    origins_setting: str = "EngineOptions.origins"
    allow_request: AllowRequest | None = None
    trusted_proxies: tuple[Network, ...] = ()
    warn_of_forwarded: bool = False
    client_network: Callable[[str], str] = str
    max_connecting_per_address: int = 2_000
    connect_timeout_seconds: float = 10.0
    ping_interval_seconds: float = 25.0
    ping_timeout_seconds: float = 20.0
    backlog_seconds: float = 5.0
    max_frame_bytes: int = 65_536
    max_attachments: int = 0
    socket_queue_max_bytes: int = 1_048_576
    max_packets_per_second: int = 1_000
    auth_fields: frozenset[str] | None = None
    header_names: frozenset[str] | None = None
    query_names: frozenset[str] | None = None

    def __post_init__(self) -> None:
        object.__setattr__(self, "origins", parse_origins(self.origins))


class EngineServer(engineio.AsyncServer, Generic[Link]):
    """Accepts WebSockets and keeps their connections.

    Attributes:
        sockets: The open connections by Engine.IO id. The library requires this attribute.
        next_id: Returns 15 random bytes as URL-safe text. These ids are as hard to guess as the
            library's ids, but do not need a system call for each id.
    """

    sockets: dict[str, Connection[Link]]
    next_id: Callable[[], str]

    def __init__(
        self,
        *,
        options: EngineOptions,
        owner: ConnectionOwner[Connection[Link]],
        create_connection: Callable[..., Connection[Link]],
        **kwargs: object,
    ) -> None:
        super().__init__(**kwargs)
        self.options = options
        self.admission_limiter = ConnectionLimiter(
            options.max_connecting_per_address, options.client_network
        )
        """Limits the number of connections without an admitted socket, per client network. Clients
        can open such connections without a token, and keep them open until the connect timeout.
        `HttpRunner` limits HTTP connections separately.
        """
        self._owner = owner
        """The Socket.IO server."""
        self._create_connection = create_connection
        """Creates a `Connection` from its arguments."""
        self.is_accepting = True
        """Whether new connections are accepted."""
        self._origin_rule = OriginRule(
            options.origins, options.trusted_proxies, options.origins_setting
        )
        """Decides which pages may connect."""
        self._request_check = (
            RequestCheck(options.allow_request, options.connect_timeout_seconds)
            if options.allow_request is not None
            else None
        )
        """Calls ``allow_request``; None if the option is not set."""
        self._hint_log = MinuteLog(_log_hint)
        """Logs invalid upgrade requests of clients that are probably misconfigured."""
        self._too_many_log = MinuteLog(_log_too_many)
        """Logs networks that have too many connections without an admitted socket."""
        self._open_packet = _encode_open_packet(options)
        """The first packet to each client, with the placeholder ``%b`` for the connection's id."""
        self.next_id = chain.from_iterable(iter(_random_ids, ())).__next__
        self._warns_of_forwarded = options.warn_of_forwarded and not options.trusted_proxies
        """Whether to warn on the next request that has an ``X-Forwarded-For`` header."""

    async def handle_request(self, request: web.Request) -> web.StreamResponse:
        """Answer a client's upgrade request: accept the WebSocket, or reject it with an error."""
        # Warn before the check: behind an untrusted proxy, the check rejects even pages of the
        # server's own origin.
        self._warn_of_forwarded(request)
        rejection = self._check_request(request)
        if rejection is not None:
            return rejection
        transport = request.transport  # None: the client has disconnected
        if transport is None or not upgrade.is_websocket(request):
            return _error_response(400, 3, "Bad request")
        sid = self.next_id()
        upgrade_request = UpgradeRequest.of(
            request,
            self.options.trusted_proxies,
            self.options.header_names,
            self.options.query_names,
        )
        if not self.admission_limiter.try_add(sid, upgrade_request.address):
            return self._reject_too_many(upgrade_request.address)
        if self._request_check is not None:
            rejection = await self._ask_application(self._request_check, request, sid)
            if rejection is not None:
                return rejection
        connection = self._create_connection(
            sid,
            transport,
            upgrade_request,
            self._owner,
            max_message_bytes=self.options.max_frame_bytes,
            max_queue_bytes=self.options.socket_queue_max_bytes,
        )
        self.sockets[connection.sid] = connection
        self._owner.heartbeat.start_pinging(connection)
        self._owner.heartbeat.start_connect_timeout(connection)
        greeting = self._open_packet % connection.sid.encode()
        return upgrade.accept(request, transport, connection, text_frame(greeting))

    async def send_packet(self, sid: str, pkt: engineio_packet.Packet) -> None:
        """Send a packet from the library to a client. The library sends only text packets."""
        connection = self.sockets.get(sid)
        if connection is not None:
            connection.send_text(str(pkt.encode()).encode())

    def stop_accepting(self) -> None:
        """Reject new connections with 503 from now on."""
        self.is_accepting = False

    def close_all(self) -> None:
        """Close every connection with code 1001. Clients then reconnect by themselves."""
        for connection in tuple(self.sockets.values()):
            connection.close(DisconnectReason.SERVER_SHUTTING_DOWN)

    def _reject_too_many(self, address: str) -> web.Response:
        self._too_many_log.count(_TOO_MANY, self.options.client_network(address))
        response = _error_response(429, 3, "Too many connections")
        response.force_close()
        return response

    async def _ask_application(
        self, check: RequestCheck, request: web.Request, sid: str
    ) -> web.Response | None:
        """Call ``allow_request``; return an error response, or None if the client may connect.

        Also removes a refused client from `admission_limiter`.
        """
        is_allowed = False
        try:
            message = await check.refusal(request)
            if message is not None:
                return _error_response(403, 4, message)
            if not self.is_accepting:
                return _error_response(503, 3, "Server shutting down")
            if request.transport is None:
                return _error_response(400, 3, "Bad request")
            is_allowed = True
            return None
        finally:
            if not is_allowed:
                self.admission_limiter.discard(sid)

    def _warn_of_forwarded(self, request: web.Request) -> None:
        if self._warns_of_forwarded and hdrs.X_FORWARDED_FOR in request.headers:
            self._warns_of_forwarded = False
            _log.warning(
                "X-Forwarded-For is ignored: all clients of a proxy count as one address; "
                "if a proxy is in front of this server, set TRUSTED_PROXIES to its address",
                peer=request.remote,
            )

    def _check_request(self, request: web.Request) -> web.Response | None:
        """Return the same error response as Node's engine.io, or None if the request is valid."""
        query = request.query
        checks = (
            (not self.is_accepting, 503, 3, "Server shutting down", None),
            (query.get("transport") != "websocket", 400, 0, "Transport unknown", _TRANSPORT_HINT),
            (query.get("EIO") != _PROTOCOL, 400, 5, "Unsupported protocol version", _VERSION_HINT),
            ("sid" in query, 400, 1, "Session ID unknown", None),
            (request.method != hdrs.METH_GET, 400, 2, "Bad handshake method", None),
            (len(query) > _MAX_QUERY_FIELDS, 400, 3, "Bad request", _QUERY_HINT),
        )
        for is_wrong, status, code, message, hint in checks:
            if is_wrong:
                if hint is not None:
                    self._hint_log.count(message, hint)
                return _error_response(status, code, message, hint)
        if self._origin_rule.accepts(request):
            return None
        return _error_response(403, 4, FORBIDDEN)


def _random_ids() -> tuple[str, ...]:
    """Return many random ids from one system call."""
    block = base64.urlsafe_b64encode(os.urandom(_IDS_PER_BLOCK * _ID_BYTES)).decode()
    return tuple(block[at : at + _ID_CHARS] for at in range(0, len(block), _ID_CHARS))


def _encode_open_packet(options: EngineOptions) -> bytes:
    handshake = {
        "sid": "%b",
        "upgrades": [],
        "pingInterval": round(options.ping_interval_seconds * 1000),
        "pingTimeout": round(options.ping_timeout_seconds * 1000),
        "maxPayload": options.max_frame_bytes,
    }
    return b"0" + json_codec.dump(handshake)


def _log_hint(reason: str, hint: str, times: int) -> None:
    _log.warning("a client cannot connect", reason=reason, hint=hint, times=times)


def _log_too_many(what: str, address: str, times: int) -> None:
    _log.warning(what, address=address, times=times, setting="MAX_CONNECTING_PER_ADDRESS")


def _error_response(status: int, code: int, message: str, hint: str | None = None) -> web.Response:
    body = {"code": code, "message": message}
    if hint is not None:
        body["hint"] = hint
    return web.json_response(body, status=status, dumps=json_codec.dumps)
