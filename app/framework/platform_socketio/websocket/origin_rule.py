"""Which pages may connect: the check of the upgrade request's ``Origin``.

Browsers let any page open a WebSocket to any server and only name the page's origin; CORS does not
apply. Accepted are the configured origins and the server's own (React Native sends that one).

Accepting the server's own origin is safe. A page cannot choose its ``Origin`` or ``Host``, so when
the two agree the page came from this very host name. A client that can forge one of them is no
browser and could forge a configured origin just as well. With DNS rebinding a page of another name
does get here, but it brings nothing of the user's: tokens are sent in ``auth`` and kept in storage
of the real origin, and cookies belong to the host name. It can do what any client without a token
can. So a gateway must not take the network that a client comes from as proof of who it is.
"""

from collections.abc import Iterable, Sequence

import structlog
from aiohttp import hdrs, web

from app.framework.common.log_text import log_text
from app.framework.common.minute_log import MinuteLog
from app.framework.platform_socketio.websocket.client_address import Network, comes_from_proxy

_DEFAULT_PORTS = (("http://", ":80"), ("https://", ":443"))
_HTTP_SCHEMES = {"ws": "http", "wss": "https"}
"""Some proxies forward a WebSocket's scheme by its own name."""

_MAX_LOGGED = 20
"""Origins that are logged apart in one minute: clients that are no browsers can make them up."""

_log = structlog.stdlib.get_logger("OriginRule")


class OriginRule:
    """Accepts requests without an ``Origin``, from configured origins, and from the server's own.

    Args:
        origins: The configured ones.
        trusted_proxies: Whose ``X-Forwarded-Proto`` and ``X-Forwarded-Host`` count.
        setting: What to change in order to accept a further origin; for the log.
    """

    def __init__(
        self, origins: Iterable[str], trusted_proxies: Sequence[Network], setting: str
    ) -> None:
        self._origins = frozenset(map(normal_origin, origins))
        self._trusted_proxies = trusted_proxies
        self._setting = setting
        self._refusals = MinuteLog(self._log_refusal, max_subjects=_MAX_LOGGED)

    def accepts(self, request: web.Request) -> bool:
        """Whether the page may connect. Logs a refused origin, once a minute each."""
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
        if comes_from_proxy(request, self._trusted_proxies):
            scheme = _first(request, hdrs.X_FORWARDED_PROTO) or scheme
            host = _first(request, hdrs.X_FORWARDED_HOST) or host
        return normal_origin(f"{_HTTP_SCHEMES.get(scheme, scheme)}://{host}")


def normal_origin(origin: str) -> str:
    """In lower case, without the slash at its end and the scheme's own port."""
    normal = origin.lower()
    if not normal.endswith("://"):
        normal = normal.removesuffix("/")
    for scheme, port in _DEFAULT_PORTS:
        if normal.startswith(scheme):
            return normal.removesuffix(port)
    return normal


def _first(request: web.Request, header: str) -> str:
    """What the outermost proxy has written, when there are several."""
    return request.headers.get(header, "").partition(",")[0].strip().lower()
