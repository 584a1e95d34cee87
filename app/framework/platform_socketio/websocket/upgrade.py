"""Takes a WebSocket's TCP connection over from aiohttp.

aiohttp remains the HTTP server: parsing, routing, middlewares and refusals are its own. What it
keeps for the life of a WebSocket (request, response, parser, two tasks) is 11 kB a client, and each
message passes a queue and a task. So, once a client is accepted, its transport gets another
protocol and aiohttp lets go.

Internals of aiohttp 3.14 in use, here and in `protocol`; `tests/unit/framework/platform_socketio/
test_library_internals.py` says which of them an upgrade has changed:

- ``web_protocol.RequestHandler``: ``_message_tail`` (what came behind the request), ``transport``,
  and that ``connection_lost`` lets go of everything and ends the handler's loop;
- ``web.StreamResponse``: that ``prepare``, ``write_eof`` and ``prepared`` are all that is asked of
  a handler's response;
- ``_websocket.reader``: ``WebSocketReader``, its constructor and ``feed_data``; that it hands each
  message to ``feed_data`` and each failure to ``set_exception`` of a ``WebSocketDataQueue``, of a
  subclass, too, and stops only when the queue's ``_size`` is above its ``_limit``.
"""

import asyncio
import base64
import hashlib
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass

from aiohttp import hdrs, web
from aiohttp.abc import AbstractStreamWriter

from app.framework.platform_socketio.websocket.client_address import Network, client_address

_GUID = b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11"
"""RFC 6455, 1.3."""


_USUAL_HEADERS = {
    name: name
    for name in (
        "accept-encoding",
        "accept-language",
        "cache-control",
        "connection",
        "cookie",
        "host",
        "origin",
        "pragma",
        "sec-websocket-extensions",
        "sec-websocket-key",
        "sec-websocket-version",
        "upgrade",
        "user-agent",
        "x-forwarded-for",
        "x-forwarded-proto",
    )
}
"""Shared by all clients. Not interned: what strangers make up would be kept for good, on 3.12."""


@dataclass(frozen=True, slots=True)
class UpgradeRequest:
    """What is remembered of the request; see `socket.Handshake`."""

    headers: Mapping[str, str]
    query: Mapping[str, str]
    address: str

    @staticmethod
    def of(
        request: web.Request,
        trusted_proxies: Sequence[Network],
        header_names: Collection[str] | None = None,
        query_names: Collection[str] | None = None,
    ) -> "UpgradeRequest":
        """Copy what is kept of aiohttp's request; see `EngineOptions`."""
        headers: dict[str, str] = {}
        for name, value in request.headers.items():
            key = name.lower()
            if header_names is not None and key not in header_names:
                continue
            key = _USUAL_HEADERS.get(key, key)
            headers[key] = f"{headers[key]}, {value}" if key in headers else value  # as Node
        return UpgradeRequest(
            headers=headers,
            query={
                name: value
                for name, value in request.query.items()
                if query_names is None or name in query_names
            },
            address=client_address(request, trusted_proxies),
        )


class HijackedResponse(web.Response):
    """What the handler returns when the connection is no longer aiohttp's: nothing is written."""

    @property
    def prepared(self) -> bool:
        """Whether the headers have left."""
        return True

    async def prepare(self, request: web.BaseRequest) -> AbstractStreamWriter | None:  # noqa: ARG002 - the base's
        """Nothing is left to be done."""
        return None

    async def write_eof(self, data: bytes = b"") -> None:
        """Likewise."""


def is_websocket(request: web.Request) -> bool:
    """Whether the request asks for a WebSocket as RFC 6455 has it; aiohttp judges."""
    return bool(web.WebSocketResponse(compress=False).can_prepare(request))


def accept(
    request: web.Request,
    transport: asyncio.Transport,
    protocol: asyncio.Protocol,
    greeting: bytes,
) -> HijackedResponse:
    """Answer the request, with ``greeting`` behind the headers, and hand its transport over."""
    handler = request.protocol
    key = request.headers[hdrs.SEC_WEBSOCKET_KEY].strip().encode()
    digest = base64.b64encode(hashlib.sha1(key + _GUID, usedforsecurity=False).digest())
    transport.write(
        b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
        b"Sec-WebSocket-Accept: %b\r\n\r\n%b" % (digest, greeting)
    )
    received = handler._message_tail  # noqa: SLF001 - see the module
    transport.set_protocol(protocol)
    handler.transport = None  # or aiohttp would close it
    handler.connection_lost(None)
    transport.resume_reading()  # aiohttp stops when much comes behind the request
    if received:
        protocol.data_received(received)
    return HijackedResponse()
