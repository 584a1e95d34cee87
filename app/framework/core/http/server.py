"""aiohttp's HTTP server with limits: of a request's whole head, and of an address's connections.

aiohttp bounds the length of each header and their number. Together that allows a megabyte, where
Node's server allows 16 kB.

Internals of aiohttp 3.14 in use; ``tests/unit/framework/core/http/test_server.py`` fails when
one changes:

- ``web_runner.BaseRunner``: ``_make_server`` makes the server, ``_kwargs`` are for its connections;
- ``web_server.Server``: it is called for each connection, with ``_loop`` and ``_kwargs``;
- ``web_protocol.RequestHandler``: ``_request_count`` counts the heads that are complete,
  ``_messages`` has those that wait, each with its body, and ``_current_request`` is answered now;
  ``_buffer_paused`` while too many wait, ``_upgraded`` behind a request for a WebSocket; `close`
  drops what comes from then on; ``connection_lost`` may come without ``connection_made``.
"""

import asyncio
from collections.abc import Callable, Sequence
from typing import Any, cast

import structlog
from aiohttp import web
from aiohttp.streams import EMPTY_PAYLOAD, StreamReader
from aiohttp.web_protocol import RequestHandler

from app.framework.common.minute_log import MinuteLog
from app.framework.platform_socketio.engine_io.admission_limiter import AdmissionLimiter
from app.framework.platform_socketio.websocket.client_address import Network, is_proxy

MAX_HEAD_BYTES = 16_384
"""Of the request line and all headers together: Node's default."""

LINGER_SECONDS = 1.0
"""How long a refused client may go on sending. Closed at once it might not see the answer."""

_NEVER_REACHED = 2 * MAX_HEAD_BYTES
"""As aiohttp's bound of one line, so that ours comes first, however the head is divided."""

_SENTENCE = f"The request's head must not exceed {MAX_HEAD_BYTES} bytes.".encode()
_TOO_LARGE = (
    b"HTTP/1.1 431 Request Header Fields Too Large\r\nConnection: close\r\n"
    b"Content-Type: text/plain\r\nContent-Length: %d\r\n\r\n%b" % (len(_SENTENCE), _SENTENCE)
)

_log = structlog.stdlib.get_logger("HttpServer")


class HttpRunner(web.AppRunner):
    """Runs an application on `HttpConnection`s.

    Args:
        app: The application.
        max_per_owner: How many connections the owner of an address may have at once. One that
            becomes a WebSocket counts no longer. Trusted proxies have no limit.
        owner_of: Names the owner of an address.
        trusted_proxies: Their addresses.
        options: Of `web.AppRunner`.
    """

    def __init__(
        self,
        app: web.Application,
        max_per_owner: int,
        client_network: Callable[[str], str] = str,
        trusted_proxies: Sequence[Network] = (),
        **options: Any,
    ) -> None:
        super().__init__(
            app, max_line_size=_NEVER_REACHED, max_field_size=_NEVER_REACHED, **options
        )
        self._open = AdmissionLimiter(max_per_owner, client_network)
        self._trusted_proxies = trusted_proxies

    async def _make_server(self) -> web.Server:
        server = await super()._make_server()
        return _HttpServer(
            server.request_handler,
            self._open,
            self._trusted_proxies,
            request_factory=server.request_factory,
            **self._kwargs,
        )


class _HttpServer(web.Server):
    def __init__(
        self,
        handler: Any,
        opened: AdmissionLimiter,
        trusted_proxies: Sequence[Network],
        **options: Any,
    ) -> None:
        super().__init__(handler, **options)
        self.opened = opened
        self.refusals = MinuteLog(_log_refusal)
        self._trusted_proxies = trusted_proxies

    def accepts(self, connection: "HttpConnection", address: str) -> bool:
        """Count a new connection; False if its address has too many."""
        if is_proxy(address, self._trusted_proxies) or self.opened.try_add(connection, address):
            return True
        self.refusals.count("too many HTTP connections of this address", address)
        return False

    def __call__(self) -> "HttpConnection":
        return HttpConnection(self, **self._kwargs)


class HttpConnection(RequestHandler):
    """Answers 431 to a head that is longer than `MAX_HEAD_BYTES`, as soon as that is certain.

    Closed at once when its address has too many.
    """

    __slots__ = ("_body", "_head_bytes", "_is_refused", "_server")

    def __init__(self, server: _HttpServer, **options: Any) -> None:
        super().__init__(server, loop=server._loop, **options)  # noqa: SLF001 - see the module
        self._server = server
        self._body: StreamReader = EMPTY_PAYLOAD
        """Of the latest request: what comes until its end is no head."""
        self._head_bytes = 0
        """How much of the next head has come."""
        self._is_refused = False

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """From the transport: it is open."""
        if self._server.accepts(self, _address(transport.get_extra_info("peername"))):
            super().connection_made(transport)
        else:
            cast(asyncio.Transport, transport).abort()

    def connection_lost(self, exc: BaseException | None) -> None:
        """From the transport, which is closed, or from `upgrade.accept`."""
        self._server.opened.discard(self)
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        """From the transport; never more to aiohttp at once than a head may have left."""
        room = MAX_HEAD_BYTES - self._head_bytes
        while len(data) > room and not self._is_refused:
            self._receive(data[:room])
            data = data[room:]
            room = MAX_HEAD_BYTES - self._head_bytes
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
    """Without the port; empty for a client that is gone already."""
    return str((peername or ("",))[0])
