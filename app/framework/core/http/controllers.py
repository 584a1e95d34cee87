"""Nest's ``@Controller``, the route decorators (``router.py`` reads them), and CORS."""

import sys
from collections.abc import Callable
from typing import TypeVar

from aiohttp import hdrs, web
from aiohttp.typedefs import Handler, Middleware

from app.framework.common.exceptions import BootError
from app.framework.common.metadata import (
    Decorated,
    define_metadata,
    extend_metadata,
    get_metadata,
    set_metadata,
)
from app.framework.core.http.response import check_header
from app.framework.websockets.cors import ANY_ORIGIN, Origins, origin_matcher, parse_origins

CONTROLLER_PREFIX = "http:controller_prefix"
ROUTE = "http:route"
HTTP_CODE = "http:code"
RESPONSE_HEADERS = "http:headers"
BODY_LIMIT = "http:body_limit"

ControllerClass = TypeVar("ControllerClass", bound=type)

_STATUSES = range(200, 600)
_BODY_LIMITS = range(1, sys.maxsize)

_ALLOWED_HEADERS = "Content-Type, Accept, Authorization"
_ALLOWED_METHODS = "GET,HEAD,PUT,PATCH,POST,DELETE"


def controller(prefix: str = "") -> Callable[[ControllerClass], ControllerClass]:
    """Nest's ``@Controller``: the class handles HTTP requests. A module must provide the class.

    Raises:
        BootError: The parentheses of the decorator are missing.
    """
    if not isinstance(prefix, str):
        raise BootError(f"@controller: {prefix!r} is not a path; write @controller()")

    def decorate(cls: ControllerClass) -> ControllerClass:
        define_metadata(cls, CONTROLLER_PREFIX, "/" + prefix.strip("/"))
        return cls

    return decorate


def get(path: str = "") -> Callable[[Decorated], Decorated]:
    """Nest's ``@Get``: the method returns the body, or a response of aiohttp.

    Write path parameters in aiohttp's form: ``{channel_id}`` instead of Nest's ``:channelId``, and
    receive them with ``Param("channel_id")``. If no parameter has a marker such as
    ``Param()``, the method receives aiohttp's request and the `HttpResponse`.
    """
    return _route(hdrs.METH_GET, path)


def post(path: str = "") -> Callable[[Decorated], Decorated]:
    """Nest's ``@Post``."""
    return _route(hdrs.METH_POST, path)


def put(path: str = "") -> Callable[[Decorated], Decorated]:
    """Nest's ``@Put``."""
    return _route(hdrs.METH_PUT, path)


def patch(path: str = "") -> Callable[[Decorated], Decorated]:
    """Nest's ``@Patch``."""
    return _route(hdrs.METH_PATCH, path)


def delete(path: str = "") -> Callable[[Decorated], Decorated]:
    """Nest's ``@Delete``."""
    return _route(hdrs.METH_DELETE, path)


def http_code(status: int) -> Callable[[Decorated], Decorated]:
    """Nest's ``@HttpCode``: the status after a success; by default 201 for POST, else 200."""
    if status not in _STATUSES:
        raise BootError(f"@http_code: {status!r} is not a status; write a number like 204")
    return set_metadata(HTTP_CODE, status)


def header(name: str, value: str) -> Callable[[Decorated], Decorated]:
    """Nest's ``@Header``: a header that is sent after a success."""
    try:
        check_header(name, value)
    except ValueError as error:
        raise BootError(f"@header: {error}") from None

    def decorate(handler: Decorated) -> Decorated:
        extend_metadata(handler, RESPONSE_HEADERS, ((name, value),))
        return handler

    return decorate


def body_limit(max_bytes: int) -> Callable[[Decorated], Decorated]:
    """Set the maximum size of bodies for a handler or controller; by default 100 KiB.

    Nest sets one limit for the whole application (``useBodyParser``).
    """
    if max_bytes not in _BODY_LIMITS:
        raise BootError(f"@body_limit: {max_bytes!r} is not a number of bytes above 0")
    return set_metadata(BODY_LIMIT, max_bytes)


def cors_middleware(origins: Origins) -> Middleware:
    """Return a middleware that lets pages of these origins read responses, with credentials.

    If ``origins`` allows any origin, pages can read only responses to requests without credentials.
    """
    allows, is_any = origin_matcher(origins), ANY_ORIGIN in parse_origins(origins)

    def allow_reading(response: web.StreamResponse, origin: str) -> None:
        response.headers[hdrs.ACCESS_CONTROL_ALLOW_ORIGIN] = "*" if is_any else origin
        if not is_any:
            response.headers[hdrs.ACCESS_CONTROL_ALLOW_CREDENTIALS] = "true"
            response.headers.add(hdrs.VARY, hdrs.ORIGIN)

    @web.middleware
    async def cors(request: web.Request, handler: Handler) -> web.StreamResponse:
        origin = request.headers.get(hdrs.ORIGIN, "")
        if not allows(origin):
            return await handler(request)
        preflight = (
            request.method == hdrs.METH_OPTIONS
            and hdrs.ACCESS_CONTROL_REQUEST_METHOD in request.headers
        )
        try:
            response = web.Response(status=204) if preflight else await handler(request)
        except web.HTTPException as raised:
            allow_reading(raised, origin)
            raise
        if response.prepared:  # a WebSocket: the headers are sent already, and CORS does not apply
            return response
        allow_reading(response, origin)
        if preflight:
            response.headers[hdrs.ACCESS_CONTROL_ALLOW_METHODS] = _ALLOWED_METHODS
            response.headers[hdrs.ACCESS_CONTROL_ALLOW_HEADERS] = _ALLOWED_HEADERS
        return response

    return cors


def _route(method: str, path: str) -> Callable[[Decorated], Decorated]:
    if not isinstance(path, str):
        raise BootError(f"@{method.lower()}: {path!r} is not a path; write @{method.lower()}()")

    def decorate(handler: Decorated) -> Decorated:
        if get_metadata(handler, ROUTE) is not None:
            name = getattr(handler, "__qualname__", repr(handler))
            raise BootError(f"{name} has two routes; write one method for each route")
        define_metadata(handler, ROUTE, (method, path))
        return handler

    return decorate
