"""Accepts WebSockets and takes their TCP connections over from aiohttp.

aiohttp remains the HTTP server: it parses and routes requests, and runs middlewares. For each open
WebSocket, aiohttp would keep a request, a response, a parser and two tasks (11 kB per client), and
pass each message through a queue and a task. Therefore `accept` gives the transport of an accepted
client to our protocol, and aiohttp releases the connection.

This module and `protocol` use these internals of aiohttp 3.14. `tests/unit/framework/
platform_socketio/test_library_internals.py` fails when a new version of aiohttp changes them.

- ``web_protocol.RequestHandler``: ``_message_tail`` (the bytes received after the request),
  ``transport``, and ``connection_lost``, which releases everything and ends the handler's loop.
- ``web.StreamResponse``: aiohttp uses only ``prepare``, ``write_eof`` and ``prepared`` of the
  response that a handler returns.
- ``_websocket.reader``: ``WebSocketReader``, its constructor and ``feed_data``. The reader passes
  each message to ``feed_data`` and each error to ``set_exception`` of a ``WebSocketDataQueue`` or a
  subclass, and pauses only when the queue's ``_size`` exceeds its ``_limit``.
"""

import asyncio
import base64
import hashlib
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType

from aiohttp import hdrs, web
from aiohttp.abc import AbstractStreamWriter

from app.framework.platform_socketio.websocket.client_address import Network, client_address

_GUID = b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11"
"""The constant for computing ``Sec-WebSocket-Accept`` (RFC 6455, section 1.3)."""

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
"""Common header names, stored once for all clients. ``sys.intern`` is not an option: Python 3.12
keeps interned strings forever, so clients could fill the memory with invented names.
"""

_USUAL_PATH = "/socket.io/"
"""The usual path, stored once for all clients."""

_NOTHING: Mapping[str, str] = MappingProxyType({})
"""The shared empty mapping for requests without kept headers or parameters."""


@dataclass(frozen=True, slots=True)
class UpgradeRequest:
    """The parts of the upgrade request that stay in memory; see `socket.Handshake`."""

    headers: Mapping[str, str]
    query: Mapping[str, str]
    address: str
    path: str = _USUAL_PATH

    @staticmethod
    def of(
        request: web.Request,
        trusted_proxies: Sequence[Network],
        header_names: Collection[str] | None = None,
        query_names: Collection[str] | None = None,
    ) -> "UpgradeRequest":
        """Copy the named headers and parameters (None: all) of aiohttp's request."""
        sent, query = request.headers, request.query
        if header_names is None:
            header_names = dict.fromkeys(map(str.lower, sent))
        headers = {
            _USUAL_HEADERS.get(name, name): ", ".join(sent.getall(name))  # joined as in Node
            for name in header_names
            if name in sent
        }
        parameters = query if query_names is None else query_names
        values = {name: query.getall(name)[-1] for name in parameters if name in query}
        return UpgradeRequest(
            headers=headers or _NOTHING,
            query=values or _NOTHING,
            address=client_address(request, trusted_proxies),
            path=_USUAL_PATH if request.path == _USUAL_PATH else request.path,
        )


class HijackedResponse(web.Response):
    """The handler's response for a connection that aiohttp no longer owns. Writes nothing."""

    @property
    def prepared(self) -> bool:
        """Return True: the headers are already written."""
        return True

    async def prepare(self, request: web.BaseRequest) -> AbstractStreamWriter | None:  # noqa: ARG002 - the base's signature
        """Do nothing: `accept` has written the headers."""
        return None

    async def write_eof(self, data: bytes = b"") -> None:
        """Do nothing: the connection stays open."""


def is_websocket(request: web.Request) -> bool:
    """Return whether aiohttp accepts the request as a WebSocket upgrade of RFC 6455."""
    return bool(web.WebSocketResponse(compress=False).can_prepare(request))


def accept(
    request: web.Request,
    transport: asyncio.Transport,
    protocol: asyncio.Protocol,
    greeting: bytes,
) -> HijackedResponse:
    """Write the 101 response and ``greeting``, and give the transport to ``protocol``."""
    handler = request.protocol
    key = request.headers[hdrs.SEC_WEBSOCKET_KEY].strip().encode()
    digest = base64.b64encode(hashlib.sha1(key + _GUID, usedforsecurity=False).digest())
    transport.write(
        b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
        b"Sec-WebSocket-Accept: %b\r\n\r\n%b" % (digest, greeting)
    )
    received = handler._message_tail  # noqa: SLF001 - see the module docstring
    transport.set_protocol(protocol)
    handler.transport = None  # otherwise aiohttp would close the transport
    handler.connection_lost(None)
    transport.resume_reading()  # aiohttp pauses reading if much data follows the request
    if received:
        protocol.data_received(received)
    return HijackedResponse()
