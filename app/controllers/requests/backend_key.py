"""The key by which backends show that they are ours."""

import hmac
from http import HTTPStatus

from aiohttp import hdrs, web

from app.controllers.requests.refusal_log import RefusalLog
from app.controllers.requests.refusals import refusal_text


class BackendKey:
    """Lets pass who sends ``SERVICE_KEY`` as a bearer token; writes down who does not.

    Args:
        service_key: As the setting has it.
        refusal_log: Where who is refused is written down.
    """

    def __init__(self, service_key: str, refusal_log: RefusalLog) -> None:
        self._service_key = _bytes(service_key)
        self._refusal_log = refusal_log

    def require(self, request: web.Request, what: str) -> None:
        """Return if the request has the key; to be called before anything else of it is read.

        Args:
            request: Which asks for something.
            what: What it asks for, in the log's words.

        Raises:
            HTTPUnauthorized: It has not.
        """
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
    # Header and environment alike decode so: bytes that are no UTF-8 come back as they were.
    return text.encode(errors="surrogateescape")
