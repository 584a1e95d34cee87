"""Authenticates backends by ``SERVICE_KEY``, and decorates the controllers that require the key."""

import hmac
from collections.abc import Callable
from http import HTTPStatus
from typing import TypeVar

from aiohttp import hdrs

from app.controllers.requests.refusal_log import RefusalLog
from app.controllers.requests.refusals import Refusal, RefusalFilter
from app.framework import (
    CanActivate,
    ExecutionContext,
    Reflector,
    body_limit,
    set_metadata,
    use_filters,
    use_guards,
)

ControllerClass = TypeVar("ControllerClass", bound=type)

MAX_BODY_BYTES = 65_536

_LOGGED_AS = "logged_as"
"""The metadata key for the name that a controller's requests have in the log."""


def for_backends(logged_as: str) -> Callable[[ControllerClass], ControllerClass]:
    """Require ``SERVICE_KEY`` for a controller's requests, and answer errors with a `Refusal`.

    Args:
        logged_as: The name of the controller's requests in the log.
    """

    def decorate(cls: ControllerClass) -> ControllerClass:
        guarded = use_guards(BackendKeyGuard)(set_metadata(_LOGGED_AS, logged_as)(cls))
        return body_limit(MAX_BODY_BYTES)(use_filters(RefusalFilter())(guarded))

    return decorate


class BackendKeyGuard(CanActivate):
    """Requires ``SERVICE_KEY`` as a bearer token, and logs requests without the key.

    Like every guard, this one runs before the body is read.
    """

    def __init__(self, service_key: str, refusal_log: RefusalLog) -> None:
        self._service_key = _bytes(service_key)
        self._refusal_log = refusal_log

    def can_activate(self, context: ExecutionContext) -> bool:
        """Return True if the key is right; otherwise raise a `Refusal` with the status 401."""
        http = context.switch_to_http()
        request = http.get_request()
        scheme, _, key = request.headers.get(hdrs.AUTHORIZATION, "").partition(" ")
        if scheme.lower() == "bearer" and hmac.compare_digest(_bytes(key), self._service_key):
            return True
        what = Reflector().get(_LOGGED_AS, context.get_class())
        self._refusal_log.refused(request, what, "without the service key")
        http.get_response().set_header(hdrs.WWW_AUTHENTICATE, "Bearer")
        message = "Authorization must be Bearer and the service key."
        raise Refusal(HTTPStatus.UNAUTHORIZED, "unauthorized", message)


def _bytes(text: str) -> bytes:
    # Headers and the environment are decoded with surrogateescape, so this restores their bytes.
    return text.encode(errors="surrogateescape")
