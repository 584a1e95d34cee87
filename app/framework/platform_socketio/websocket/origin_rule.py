"""Checks the ``Origin`` of upgrade requests: decides which web pages may connect.

CORS does not apply to WebSockets: browsers let any page open a WebSocket to any server, and only
send the page's origin. `OriginRule` accepts the configured origins and the server's own origin,
which React Native sends.

Accepting the server's own origin is safe. A page cannot choose its ``Origin`` or ``Host``, so if
both name the same host, that host served the page. A client that can forge one of these headers is
not a browser and could forge a configured origin, too. With DNS rebinding, a page from another host
name can connect, but without the user's credentials: browsers keep tokens in the storage of the
real origin, and send cookies only to the host that set them. Such a page can do no more than any
client without a token, but it connects from the user's network. Therefore a gateway must not treat
a client's network as proof of identity.
"""

from collections.abc import Sequence

import structlog
from aiohttp import hdrs, web

from app.framework.common.log_text import log_text
from app.framework.common.minute_log import MinuteLog
from app.framework.platform_socketio.websocket.client_address import Network, is_proxy
from app.framework.websockets.cors import Origins, normal_origin, origin_matcher

_HTTP_SCHEMES = {"ws": "http", "wss": "https"}
"""Maps WebSocket schemes to HTTP schemes: some proxies put ``wss`` in ``X-Forwarded-Proto``."""

_MAX_LOGGED = 20
"""The maximum number of origins logged separately per minute: clients can invent origins."""

_log = structlog.stdlib.get_logger("OriginRule")


class OriginRule:
    """Accepts requests from configured origins, from the server's own, or without an ``Origin``."""

    def __init__(self, origins: Origins, trusted_proxies: Sequence[Network], setting: str) -> None:
        self._allows = origin_matcher(origins)
        self._trusted_proxies = trusted_proxies
        self._setting = setting
        self._refusals = MinuteLog(self._log_refusal, max_subjects=_MAX_LOGGED)

    def accepts(self, request: web.Request) -> bool:
        """Return whether the page may connect; log each refused origin at most once a minute."""
        sent = request.headers.get(hdrs.ORIGIN)
        if sent is None:
            return True
        if normal_origin(sent) == self._own_origin(request):
            return True
        refusal = "origin refused; if it is yours, add it"
        try:
            if self._allows(sent):
                return True
        except Exception as error:  # noqa: BLE001 - raised by the application's function
            refusal = f"origin refused: a function raised {type(error).__name__}"
        self._refusals.count(refusal, log_text(sent))
        return False

    def _log_refusal(self, what: str, origin: str, times: int) -> None:
        _log.warning(what, origin=origin, to=self._setting, times=times)

    def _own_origin(self, request: web.Request) -> str:
        scheme, host = request.scheme, request.headers.get(hdrs.HOST, "")
        if is_proxy(request.remote or "", self._trusted_proxies):
            scheme = _first_value(request, hdrs.X_FORWARDED_PROTO) or scheme
            host = _first_value(request, hdrs.X_FORWARDED_HOST) or host
        return normal_origin(f"{_HTTP_SCHEMES.get(scheme, scheme)}://{host}")


def _first_value(request: web.Request, header: str) -> str:
    """Return the first value of a header, which the outermost proxy has set."""
    return request.headers.get(header, "").partition(",")[0].strip().lower()
