"""Controllers: Nest's ``@Controller`` and route decorators for aiohttp handlers, and CORS."""

from collections.abc import Callable, Iterable, Iterator
from typing import TypeVar

from aiohttp import hdrs, web
from aiohttp.typedefs import Handler, Middleware

from app.framework.common.exceptions import BootError
from app.framework.common.metadata import (
    Decorated,
    define_metadata,
    get_metadata,
    methods_with_metadata,
)
from app.framework.websockets.cors import ANY_ORIGIN, Origins, origin_matcher, parse_origins

CONTROLLER_PREFIX = "http:controller_prefix"
ROUTE = "http:route"

ControllerClass = TypeVar("ControllerClass", bound=type)

_ALLOWED_HEADERS = "Content-Type, Accept, Authorization"
_ALLOWED_METHODS = "GET,HEAD,PUT,PATCH,POST,DELETE"


def controller(prefix: str = "") -> Callable[[ControllerClass], ControllerClass]:
    """Nest's ``@Controller``: the class handles HTTP requests. A module must provide the class.

    Raises:
        BootError: The parentheses are missing.
    """
    if not isinstance(prefix, str):
        raise BootError(f"@controller: {prefix!r} is not a path; write @controller()")

    def decorate(cls: ControllerClass) -> ControllerClass:
        define_metadata(cls, CONTROLLER_PREFIX, "/" + prefix.strip("/"))
        return cls

    return decorate


def get(path: str = "") -> Callable[[Decorated], Decorated]:
    """Nest's ``@Get``: the method takes an aiohttp request and returns a response.

    Write path parameters in aiohttp's form: ``{channel_id}`` instead of Nest's ``:channelId``. The
    decoded value is in ``request.match_info``.
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


def routes_of(instance: object) -> Iterator[web.RouteDef]:
    """Yield the aiohttp routes of a controller; the routes of base classes come first."""
    prefix: str = get_metadata(type(instance), CONTROLLER_PREFIX)
    for name, member in methods_with_metadata(type(instance), ROUTE):
        method, path = get_metadata(member, ROUTE)
        url = "/" + "/".join(part.strip("/") for part in (prefix, path) if part.strip("/"))
        yield web.RouteDef(method, url, getattr(instance, name), {})


def cors_middleware(origins: Origins) -> Middleware:
    """Return a middleware that lets pages of these origins read responses, with credentials.

    If any origin may read, it may do so without credentials only.
    """
    allows, is_any = origin_matcher(origins), ANY_ORIGIN in parse_origins(origins)

    @web.middleware
    async def cors(request: web.Request, handler: Handler) -> web.StreamResponse:
        origin = request.headers.get(hdrs.ORIGIN, "")
        if not allows(origin):
            return await handler(request)
        preflight = (
            request.method == hdrs.METH_OPTIONS
            and hdrs.ACCESS_CONTROL_REQUEST_METHOD in request.headers
        )
        response = web.Response(status=204) if preflight else await handler(request)
        if response.prepared:  # a WebSocket: the headers are sent already, and CORS does not apply
            return response
        response.headers[hdrs.ACCESS_CONTROL_ALLOW_ORIGIN] = "*" if is_any else origin
        if not is_any:
            response.headers[hdrs.ACCESS_CONTROL_ALLOW_CREDENTIALS] = "true"
            response.headers.add(hdrs.VARY, hdrs.ORIGIN)
        if preflight:
            response.headers[hdrs.ACCESS_CONTROL_ALLOW_METHODS] = _ALLOWED_METHODS
            response.headers[hdrs.ACCESS_CONTROL_ALLOW_HEADERS] = _ALLOWED_HEADERS
        return response

    return cors


def refuse_duplicate_routes(routes: Iterable[web.RouteDef]) -> None:
    """Raise `BootError` if two routes have the same method and path: the second would never run."""
    seen: set[tuple[str, str]] = set()
    for route in routes:
        key = (route.method, route.path)
        if key in seen:
            raise BootError(f"{route.method} {route.path} has two handlers; remove one")
        seen.add(key)


def _route(method: str, path: str) -> Callable[[Decorated], Decorated]:
    if not isinstance(path, str):
        raise BootError(f"@{method.lower()}: {path!r} is not a path; write @{method.lower()}()")

    def decorate(handler: Decorated) -> Decorated:
        define_metadata(handler, ROUTE, (method, path))
        return handler

    return decorate
