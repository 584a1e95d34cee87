"""aiohttp's HTTP server with two more limits: bytes per request head, connections per network.

aiohttp limits the length of each header and the number of headers. Together these limits allow a
request head of a megabyte, whereas Node's server allows 16 kB.

This module uses internals of aiohttp 3.14. ``tests/unit/framework/core/http/test_server.py`` fails
if one of them changes:

- ``web_runner.BaseRunner``: ``_make_server`` creates the server, ``_kwargs`` are the options of its
  connections.
- ``web_server.Server``: aiohttp calls the server to create each connection. ``_loop`` is the event
  loop, ``_kwargs`` are the options of connections.
- ``web_protocol.RequestHandler``: ``_request_count`` is the number of complete heads;
  ``_messages`` is the queue of requests with their bodies; ``_current_request`` is the request that
  is being answered; ``_buffer_paused`` is true while the queue is full; ``_upgraded`` is true after
  a request for a WebSocket. After ``close``, incoming data is dropped. ``connection_lost`` may be
  called without ``connection_made``.
"""

import asyncio
from collections.abc import Callable, Sequence
from typing import Any, cast

import structlog
from aiohttp import web
from aiohttp.streams import EMPTY_PAYLOAD, StreamReader
from aiohttp.web_protocol import RequestHandler

from app.framework.common.connection_limiter import ConnectionLimiter
from app.framework.common.minute_log import MinuteLog
from app.framework.platform_socketio.websocket.client_address import Network, is_proxy

MAX_HEAD_BYTES = 16_384
"""The limit for the request line plus all headers; Node's default."""

LINGER_SECONDS = 1.0
"""The delay between the answer 431 and closing the connection.

The client needs this time to read the answer.
"""

_MAX_LINE_BYTES = 2 * MAX_HEAD_BYTES
"""aiohttp's limit for one line: so high that `MAX_HEAD_BYTES` is always exceeded first."""

_SENTENCE = f"The request's head must not exceed {MAX_HEAD_BYTES} bytes.".encode()
_TOO_LARGE = (
    b"HTTP/1.1 431 Request Header Fields Too Large\r\nConnection: close\r\n"
    b"Content-Type: text/plain\r\nContent-Length: %d\r\n\r\n%b" % (len(_SENTENCE), _SENTENCE)
)

_log = structlog.stdlib.get_logger("HttpServer")


class HttpRunner(web.AppRunner):
    """Runs an application whose connections are `HttpConnection`s.

    Args:
        max_per_network: The maximum number of simultaneous connections of a client network. A
            connection that becomes a WebSocket no longer counts. Trusted proxies have no limit.
    """

    def __init__(
        self,
        app: web.Application,
        max_per_network: int,
        client_network: Callable[[str], str] = str,
        trusted_proxies: Sequence[Network] = (),
        **options: Any,
    ) -> None:
        super().__init__(
            app, max_line_size=_MAX_LINE_BYTES, max_field_size=_MAX_LINE_BYTES, **options
        )
        self._limiter = ConnectionLimiter(max_per_network, client_network)
        self._trusted_proxies = trusted_proxies

    async def _make_server(self) -> web.Server:
        server = await super()._make_server()
        return _HttpServer(
            server.request_handler,
            self._limiter,
            self._trusted_proxies,
            request_factory=server.request_factory,
            **self._kwargs,
        )


class _HttpServer(web.Server):
    def __init__(
        self,
        handler: Any,
        limiter: ConnectionLimiter,
        trusted_proxies: Sequence[Network],
        **options: Any,
    ) -> None:
        super().__init__(handler, **options)
        self.limiter = limiter
        self.refusals = MinuteLog(_log_refusal)
        self._trusted_proxies = trusted_proxies

    def accepts(self, connection: "HttpConnection", address: str) -> bool:
        """Count a new connection; return False if its network has too many connections."""
        if is_proxy(address, self._trusted_proxies) or self.limiter.try_add(connection, address):
            return True
        self.refusals.count("too many HTTP connections from this address", address)
        return False

    def __call__(self) -> "HttpConnection":
        return HttpConnection(self, **self._kwargs)


class HttpConnection(RequestHandler):
    """Answers 431 as soon as a request's head exceeds `MAX_HEAD_BYTES`.

    A new connection is closed immediately if the client's network has too many connections.
    """

    __slots__ = ("_body", "_head_bytes", "_is_refused", "_server")

    def __init__(self, server: _HttpServer, **options: Any) -> None:
        super().__init__(server, loop=server._loop, **options)  # noqa: SLF001 - see the module docstring
        self._server = server
        self._body: StreamReader = EMPTY_PAYLOAD
        """The body of the last request. Data up to the end of this body is not part of a head."""
        self._head_bytes = 0
        """The number of bytes received so far of an incomplete head."""
        self._is_refused = False

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Called by the transport when the connection is open."""
        if self._server.accepts(self, _address(transport.get_extra_info("peername"))):
            super().connection_made(transport)
        else:
            cast(asyncio.Transport, transport).abort()

    def connection_lost(self, exc: BaseException | None) -> None:
        """Called by the transport when it is closed, and by `upgrade.accept` for a WebSocket."""
        self._server.limiter.discard(self)
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        """Pass received data to aiohttp, in parts that fit into the size limit of a head."""
        left = MAX_HEAD_BYTES - self._head_bytes
        while len(data) > left and not self._is_refused:
            self._receive(data[:left])
            data = data[left:]
            left = MAX_HEAD_BYTES - self._head_bytes
        if not self._is_refused:
            self._receive(data)

    def _receive(self, data: bytes) -> None:
        heads, is_in_body = self._request_count, not self._body.is_eof()
        super().data_received(data)
        if self._request_count > heads:
            self._head_bytes = 0
            self._body = self._messages[-1][1]
        elif not (is_in_body or self._buffer_paused or self._upgraded):
            self._head_bytes += len(data)
            if self._head_bytes >= MAX_HEAD_BYTES:
                self._refuse()

    def _refuse(self) -> None:
        self._is_refused = True
        is_idle = self._current_request is None and not self._messages
        if self.transport is not None and is_idle:
            self.transport.write(_TOO_LARGE)
        self._server.refusals.count("request head too large", _address(self.peername))
        self.close()
        self._loop.call_later(LINGER_SECONDS, self.force_close)


def _log_refusal(what: str, address: str, times: int) -> None:
    _log.warning(what, address=address, times=times)


def _address(peername: Any) -> str:
    return str((peername or ("",))[0])
