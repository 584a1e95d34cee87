"""Checks the ``Origin`` of upgrade requests: decides which web pages may connect.

Browsers let any page open a WebSocket to any server and only send the page's origin; CORS does not
apply. The configured origins and the server's own origin are accepted (React Native sends the
latter).

Accepting the server's own origin is safe. A page cannot choose its ``Origin`` or ``Host``, so when
the two agree, this host name served the page. A client that can forge one of these headers is not a
browser and could forge a configured origin, too. DNS rebinding lets a page of another name connect,
but without the user's credentials: tokens are sent in ``auth`` and kept in the storage of the real
origin, and cookies belong to the host name. A page that uses DNS rebinding can do no more than any
client without a token. Therefore a gateway must not treat a client's network as proof of identity.
"""

from collections.abc import Iterable, Sequence

import structlog
from aiohttp import hdrs, web

from app.framework.common.log_text import log_text
from app.framework.common.minute_log import MinuteLog
from app.framework.platform_socketio.websocket.client_address import Network, is_proxy

_DEFAULT_PORTS = (("http://", ":80"), ("https://", ":443"))
_HTTP_SCHEMES = {"ws": "http", "wss": "https"}
"""Maps the WebSocket schemes that some proxies forward to HTTP schemes."""

_MAX_LOGGED = 20
"""The maximum number of origins logged separately per minute: clients can invent origins."""

_log = structlog.stdlib.get_logger("OriginRule")


class OriginRule:
    """Accepts requests without an ``Origin``, of configured origins, and of the server itself."""

    def __init__(
        self, origins: Iterable[str], trusted_proxies: Sequence[Network], setting: str
    ) -> None:
        self._origins = frozenset(map(normal_origin, origins))
        self._trusted_proxies = trusted_proxies
        self._setting = setting
        self._refusals = MinuteLog(self._log_refusal, max_subjects=_MAX_LOGGED)

    def accepts(self, request: web.Request) -> bool:
        """Return whether the page may connect. Logs each refused origin at most once a minute."""
        sent = request.headers.get(hdrs.ORIGIN)
        if sent is None:
            return True
        if sent in self._origins or normal_origin(sent) == self._own_origin(request):
            return True
        self._refusals.count("origin refused; if it is yours, add it", log_text(sent))
        return False

    def _log_refusal(self, what: str, origin: str, times: int) -> None:
        _log.warning(what, origin=origin, to=self._setting, times=times)

    def _own_origin(self, request: web.Request) -> str:
        scheme, host = request.scheme, request.headers.get(hdrs.HOST, "")
        if is_proxy(request.remote or "", self._trusted_proxies):
            scheme = _first_value(request, hdrs.X_FORWARDED_PROTO) or scheme
            host = _first_value(request, hdrs.X_FORWARDED_HOST) or host
        return normal_origin(f"{_HTTP_SCHEMES.get(scheme, scheme)}://{host}")


def normal_origin(origin: str) -> str:
    """Return the origin in lower case, without a trailing slash and the scheme's default port."""
    normal = origin.lower()
    if not normal.endswith("://"):
        normal = normal.removesuffix("/")
    for scheme, port in _DEFAULT_PORTS:
        if normal.startswith(scheme):
            return normal.removesuffix(port)
    return normal


def _first_value(request: web.Request, header: str) -> str:
    """Return the first value of a header: the outermost proxy's, when there are several."""
    return request.headers.get(header, "").partition(",")[0].strip().lower()
