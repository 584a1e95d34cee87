"""python-engineio's server with its own door: websocket only, explicit origins, bounded frames.

Of engineio 4.15's `AsyncServer` the HTTP entry (``handle_request``) and the socket are replaced;
its registry of sockets (``sockets``) remains, and ``send``, which ends in ``send_packet``. A test
holds the library to it, see `upgrade`. What this closes: no polling, no compression, no unbounded
queue or wait, no trusted Origin guess, no constant peer.
"""

import base64
import json
import os
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import engineio
import structlog
from aiohttp import hdrs, web
from engineio import packet as engineio_packet

from app.framework.common.minute_log import MinuteLog
from app.framework.platform_socketio import json_codec as codec
from app.framework.platform_socketio.disconnect_reason import DisconnectReason
from app.framework.platform_socketio.engine_io.connection import Connection, ConnectionOwner
from app.framework.platform_socketio.engine_io.unadmitted import Unadmitted
from app.framework.platform_socketio.websocket import frames, upgrade
from app.framework.platform_socketio.websocket.client_address import Network
from app.framework.platform_socketio.websocket.origin_rule import OriginRule
from app.framework.platform_socketio.websocket.upgrade import UpgradeRequest

_log = structlog.stdlib.get_logger("EngineServer")

_PROTOCOL = "4"

_MAX_QUERY_FIELDS = 64
"""They are kept as long as the connection: 8 kB of a URL hold 2,700, which take 0.5 MB."""

_TRANSPORT_HINT = 'Only websocket is supported. Set transports: ["websocket"] in the client.'
_VERSION_HINT = "Only Engine.IO 4 is supported. Use socket.io-client 3 or 4."
_QUERY_HINT = f"The URL must not have more than {_MAX_QUERY_FIELDS} query parameters."

_CROWDED = "connections refused: too many of this address are not admitted yet"

_ID_BYTES, _ID_CHARS = 15, 20
_IDS_AT_ONCE = 256


@dataclass(frozen=True, slots=True)
class EngineOptions:
    """Limits and rules of one server.

    Attributes:
        origins: Which pages may connect, besides those of the server itself.
        origins_setting: The name of ``origins`` to those who run the server; for the log.
        trusted_proxies: Whose ``X-Forwarded-For``, ``-Proto`` and ``-Host`` count.
        warn_of_forwarded: Whether to log, once, that ``X-Forwarded-For`` arrives though no proxy
            is trusted.
        owner_of: Names the owner of an address, such as an IPv6 network.
        max_connecting_per_address: Connections without an admitted socket that the owner of an
            address may have at once.
        connect_timeout_seconds: Until a client must be in a namespace.
        ping_interval_seconds: Between two pings.
        ping_timeout_seconds: Until a ping must be answered.
        backlog_seconds: How long what a client sent before it went may still be handled.
        max_frame_bytes: The largest frame a client may send.
        socket_queue_max_bytes: What may wait for a client that does not read; then it is cut off.
        max_packets_per_second: Of one client, of any kind; above it the connection is closed.
        auth_fields: What is kept of the ``auth`` object of CONNECT; None keeps all of it.
        header_names: Which headers of the upgrade request are kept, in lower case; None keeps all.
        query_names: Which parameters of its URL are kept; None keeps all.
    """

    origins: tuple[str, ...] = ()
    origins_setting: str = "EngineOptions.origins"
    trusted_proxies: tuple[Network, ...] = ()
    warn_of_forwarded: bool = False
    client_network: Callable[[str], str] = str
    max_connecting_per_address: int = 2_000
    connect_timeout_seconds: float = 10.0
    ping_interval_seconds: float = 25.0
    ping_timeout_seconds: float = 20.0
    backlog_seconds: float = 5.0
    max_frame_bytes: int = 65_536
    socket_queue_max_bytes: int = 1_048_576
    max_packets_per_second: int = 1_000
    auth_fields: frozenset[str] | None = None
    header_names: frozenset[str] | None = None
    query_names: frozenset[str] | None = None


class EngineServer(engineio.AsyncServer):
    """Accepts WebSockets and keeps their connections."""

    sockets: dict[str, Connection]

    def __init__(self, *, options: EngineOptions, owner: ConnectionOwner, **kwargs: object) -> None:
        super().__init__(**kwargs)
        self.options = options
        self._owner = owner
        self._accepting = True
        self._origin_rule = OriginRule(
            options.origins, options.trusted_proxies, options.origins_setting
        )
        self._hints = MinuteLog(_log_hint)
        self._crowded = MinuteLog(_log_crowded)
        self._open_packet = _open_packet(options)
        self._ids = _random_ids()
        self._warns_of_forwarded = options.warn_of_forwarded and not options.trusted_proxies
        self.unadmitted = Unadmitted(options.max_connecting_per_address, options.client_network)

    async def handle_request(self, request: web.Request) -> web.StreamResponse:
        """One client's upgrade request."""
        # First: behind such a proxy the server's own origin is refused, too.
        self._warn_of_forwarded(request)
        refusal = self._refusal(request)
        if refusal is not None:
            return refusal
        transport = request.transport  # None: the client is gone
        if transport is None or not upgrade.is_websocket(request):
            return _error(400, 3, "Bad request")
        sid = self.generate_id()
        upgrade_request = UpgradeRequest.of(
            request,
            self.options.trusted_proxies,
            self.options.header_names,
            self.options.query_names,
        )
        if not self.unadmitted.add(sid, upgrade_request.address):
            return self._too_many(upgrade_request.address)
        connection = Connection(
            sid,
            transport,
            upgrade_request,
            self._owner,
            self.options.max_frame_bytes,
            self.options.socket_queue_max_bytes,
        )
        self.sockets[connection.sid] = connection
        self._owner.heartbeat.watch(connection)
        self._owner.heartbeat.expect_connect(connection)
        greeting = self._open_packet % connection.sid.encode()
        return upgrade.accept(request, transport, connection, frames.text(greeting))

    def generate_id(self) -> str:
        """15 random bytes, URL-safe: as unguessable as the library's, for a tenth of its price."""
        return next(self._ids)

    async def send_packet(self, sid: str, pkt: engineio_packet.Packet) -> None:
        """The library's way to a socket; text packets only, as this contract has no others."""
        connection = self.sockets.get(sid)
        if connection is not None:
            connection.push(str(pkt.encode()).encode())

    def stop_accepting(self) -> None:
        """Refuse new connections with 503 from now on."""
        self._accepting = False

    def close_all(self) -> None:
        """Close every connection with 1001: clients take it for a lost connection and come back."""
        for connection in tuple(self.sockets.values()):
            connection.close(DisconnectReason.SERVER_SHUTTING_DOWN)

    def _too_many(self, address: str) -> web.Response:
        self._crowded.count(_CROWDED, self.options.client_network(address))
        refusal = _error(429, 3, "Too many connections")
        refusal.force_close()
        return refusal

    def _warn_of_forwarded(self, request: web.Request) -> None:
        if self._warns_of_forwarded and hdrs.X_FORWARDED_FOR in request.headers:
            self._warns_of_forwarded = False
            _log.warning(
                "X-Forwarded-For is ignored: all clients of a proxy count as one address; "
                "if a proxy is in front of this server, set TRUSTED_PROXIES to its address",
                peer=request.remote,
            )

    def _refusal(self, request: web.Request) -> web.Response | None:
        """Why this request gets no websocket, in engine.io's order and words; None when it does."""
        query = request.query
        refusals = (
            (not self._accepting, 503, 3, "Server shutting down", None),
            (query.get("transport") != "websocket", 400, 0, "Transport unknown", _TRANSPORT_HINT),
            (query.get("EIO") != _PROTOCOL, 400, 5, "Unsupported protocol version", _VERSION_HINT),
            ("sid" in query, 400, 1, "Session ID unknown", None),
            (request.method != hdrs.METH_GET, 400, 2, "Bad handshake method", None),
            (len(query) > _MAX_QUERY_FIELDS, 400, 3, "Bad request", _QUERY_HINT),
        )
        for refused, status, code, message, hint in refusals:
            if refused:
                if hint is not None:
                    self._hints.count(message, hint)
                return _error(status, code, message, hint)
        return None if self._origin_rule.accepts(request) else _error(403, 4, "Forbidden")


def _random_ids() -> Iterator[str]:
    """From the system's generator, asked once for many."""
    while True:
        block = base64.urlsafe_b64encode(os.urandom(_IDS_AT_ONCE * _ID_BYTES)).decode()
        yield from (block[at : at + _ID_CHARS] for at in range(0, len(block), _ID_CHARS))


def _open_packet(options: EngineOptions) -> bytes:
    """With ``%b`` where the connection's id goes."""
    handshake = {
        "sid": "%b",
        "upgrades": [],
        "pingInterval": round(options.ping_interval_seconds * 1000),
        "pingTimeout": round(options.ping_timeout_seconds * 1000),
        "maxPayload": options.max_frame_bytes,
    }
    return f"0{json.dumps(handshake, separators=(',', ':'))}".encode()


def _log_hint(reason: str, hint: str, times: int) -> None:
    _log.warning("a client cannot connect", reason=reason, hint=hint, times=times)


def _log_crowded(what: str, address: str, times: int) -> None:
    _log.warning(what, address=address, times=times, setting="MAX_CONNECTING_PER_ADDRESS")


def _error(status: int, code: int, message: str, hint: str | None = None) -> web.Response:
    body = {"code": code, "message": message}
    if hint is not None:
        body["hint"] = hint
    return web.json_response(body, status=status, dumps=codec.dumps)
