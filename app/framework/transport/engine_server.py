"""python-engineio's server with its own door: websocket only, explicit origins, bounded frames.

Of engineio 4.15's `AsyncServer` the HTTP entry (``handle_request``) and the socket are replaced;
its registry of sockets (``sockets``) remains, and ``send``, which ends in ``send_packet``. A test
holds the library to it, see `upgrade`. What this closes: no polling, no compression, no unbounded
queue or wait, no trusted Origin guess, no constant peer.
"""

import base64
import json
import os
from collections.abc import Iterator
from dataclasses import dataclass

import engineio
from aiohttp import hdrs, web
from engineio import packet as engineio_packet

from app.framework.transport import codec, frames, upgrade
from app.framework.transport.client_address import Network
from app.framework.transport.connection import Connection, ConnectionOwner
from app.framework.transport.reasons import DisconnectReason
from app.framework.transport.upgrade import UpgradeRequest

_PROTOCOL = "4"

_ID_BYTES, _ID_CHARS = 15, 20
_IDS_AT_ONCE = 256


@dataclass(frozen=True, slots=True)
class EngineOptions:
    """Limits and rules of one server.

    Attributes:
        origins: Who may come from a browser.
        trusted_proxies: Whose ``X-Forwarded-For`` counts.
        connect_timeout_seconds: Until a client must be in a namespace.
        ping_interval_seconds: Between two pings.
        ping_timeout_seconds: Until a ping must be answered.
        backlog_seconds: How long what a client sent before it went may still be handled.
        max_frame_bytes: The largest frame a client may send.
        socket_queue_max_bytes: What may wait for a client that does not read; then it is cut off.
        max_packets_per_second: Of one client, of any kind; above it the connection is closed.
    """

    origins: tuple[str, ...] = ()
    trusted_proxies: tuple[Network, ...] = ()
    connect_timeout_seconds: float = 10.0
    ping_interval_seconds: float = 25.0
    ping_timeout_seconds: float = 20.0
    backlog_seconds: float = 5.0
    max_frame_bytes: int = 65_536
    socket_queue_max_bytes: int = 1_048_576
    max_packets_per_second: int = 1_000


class EngineServer(engineio.AsyncServer):
    """Accepts WebSockets and keeps their connections."""

    sockets: dict[str, Connection]

    def __init__(self, *, options: EngineOptions, owner: ConnectionOwner, **kwargs: object) -> None:
        super().__init__(**kwargs)
        self.options = options
        self._owner = owner
        self._accepting = True
        self._open_packet = _open_packet(options)
        self._ids = _random_ids()

    async def handle_request(self, request: web.Request) -> web.StreamResponse:
        """One client's upgrade request."""
        refusal = self._refusal(request)
        if refusal is not None:
            return refusal
        transport = request.transport  # None: the client is gone
        if transport is None or not upgrade.is_websocket(request):
            return _error(400, 3, "Bad request")
        connection = Connection(
            self.generate_id(),
            transport,
            UpgradeRequest.of(request, self.options.trusted_proxies),
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

    def _refusal(self, request: web.Request) -> web.Response | None:
        """Why this request gets no websocket, in engine.io's order and words; None when it does."""
        query, origin = request.query, request.headers.get(hdrs.ORIGIN)
        refusals = (
            (not self._accepting, 503, 3, "Server shutting down"),
            (query.get("transport") != "websocket", 400, 0, "Transport unknown"),
            (query.get("EIO") != _PROTOCOL, 400, 5, "Unsupported protocol version"),
            ("sid" in query, 400, 1, "Session ID unknown"),
            (request.method != hdrs.METH_GET, 400, 2, "Bad handshake method"),
            (origin is not None and origin not in self.options.origins, 403, 4, "Forbidden"),
        )
        for refused, status, code, message in refusals:
            if refused:
                return _error(status, code, message)
        return None


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


def _error(status: int, code: int, message: str) -> web.Response:
    return web.json_response({"code": code, "message": message}, status=status, dumps=codec.dumps)
