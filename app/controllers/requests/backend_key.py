"""The key with which backends authenticate."""

import hmac
from http import HTTPStatus

from aiohttp import hdrs, web

from app.controllers.requests.refusal_log import RefusalLog
from app.controllers.requests.refusals import refusal_text


class BackendKey:
    """Requires ``SERVICE_KEY`` as a bearer token, and logs requests without it."""

    def __init__(self, service_key: str, refusal_log: RefusalLog) -> None:
        self._service_key = _bytes(service_key)
        self._refusal_log = refusal_log

    def require(self, request: web.Request, what: str) -> None:
        """Raise `HTTPUnauthorized` without the right key; call this before reading the body."""
        scheme, _, key = request.headers.get(hdrs.AUTHORIZATION, "").partition(" ")
        if scheme.lower() == "bearer" and hmac.compare_digest(_bytes(key), self._service_key):
            return
        self._refusal_log.refused(request, what, "without the service key")
        message = "Authorization must be Bearer and the service key."
        raise web.HTTPUnauthorized(
            text=refusal_text(HTTPStatus.UNAUTHORIZED, "unauthorized", message),
            content_type="application/json",
            headers={hdrs.WWW_AUTHENTICATE: "Bearer"},
        )


def _bytes(text: str) -> bytes:
    # Headers and the environment are decoded with surrogateescape, so this restores their bytes.
    return text.encode(errors="surrogateescape")
