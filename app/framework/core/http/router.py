"""Reads the routes of a controller and compiles each into one function, at boot.

The order is the same as in Nest (``router-execution-context.ts``): guards, interceptors, pipes,
handler. Filters handle errors. The body is read after the guards, so a refused request costs
little.
"""

import inspect
import re
from collections.abc import Awaitable, Callable, Iterable, Iterator
from dataclasses import dataclass
from math import ceil
from typing import Any, get_type_hints

from aiohttp import hdrs, web
from aiohttp.http_exceptions import HttpProcessingError

from app.framework.common.context import HttpContext, current_context
from app.framework.common.exceptions import BootError, WsTooManyRequests
from app.framework.common.filters import BaseExceptionFilter
from app.framework.common.guards import try_activate
from app.framework.common.http_exceptions import NotFoundException, as_http_exception
from app.framework.common.metadata import get_metadata, methods_with_metadata
from app.framework.core.http.body import DEFAULT_MAX_BODY_BYTES, decode_json, read_body
from app.framework.core.http.controllers import (
    BODY_LIMIT,
    CONTROLLER_PREFIX,
    HTTP_CODE,
    RESPONSE_HEADERS,
    ROUTE,
)
from app.framework.core.http.param_decorators import REQUEST_HANDLER, needs_body, needs_json
from app.framework.core.http.response import HttpResponse
from app.framework.core.provided_class import annotated_class
from app.framework.websockets.enhancers import (
    Enhancers,
    Resolve,
    check_needed_guards,
    collect_enhancers,
)
from app.framework.websockets.exceptions_handler import compile_filters
from app.framework.websockets.param_decorators import ParamMarker
from app.framework.websockets.parameters import Parameter, read_parameters
from app.framework.websockets.pipeline import compile_invocation

_PARAMETER = r"\{([A-Za-z_]\w*)"
"""Matches the beginning of a path parameter, but not ``{3}`` in the pattern ``{id:\\d{3}}``."""

_PARAMETER_WITH_PATTERN = r"\{[^{}]*(?:\{[^{}]*\}[^{}]*)*\}"

_ANY_SEGMENT = ":[^/]+"
"""The pattern of a path parameter, as in Express. aiohttp's own pattern does not match braces."""

_LIMIT_WITHOUT_BODY = "{}: @body_limit has no effect without Body() or RawBody(); add a parameter"

_BROKEN_REQUESTS = (web.RequestPayloadError, HttpProcessingError)
"""The errors that aiohttp's pure-Python parser raises for a body that is not valid HTTP."""


@dataclass(frozen=True, slots=True)
class HttpRoute:
    """One route of a controller.

    Attributes:
        handler: The controller's bound method.
        status: The status after a success.
        headers: The headers after a success, from the decorator ``header``.
    """

    method: str
    path: str
    controller: type
    handler: Callable[..., Any]
    parameters: tuple[Parameter, ...]
    enhancers: Enhancers
    status: int
    headers: tuple[tuple[str, str], ...]
    max_body_bytes: int

    @property
    def handler_name(self) -> str:
        """The class and the method, such as ``CatsController.create``."""
        return f"{self.controller.__name__}.{self.handler.__name__}"


def _unresolved(reference: object, _: str) -> object:
    return reference


def routes_of(
    instance: object,
    application: Enhancers | None = None,
    resolve: Resolve = _unresolved,
    prefix: str = "",
) -> Iterator[web.RouteDef]:
    """Yield the aiohttp routes of a controller; the routes of base classes come first.

    Args:
        prefix: The beginning of all paths; see `NestApplication.set_global_prefix`.

    Raises:
        BootError: The controller contains a mistake.
    """
    routes = [*_explore(instance, application or Enhancers(), resolve, prefix)]
    _check_body_limit(type(instance), routes)
    for route in routes:
        path = re.sub(_PARAMETER + r"\}", rf"{{\1{_ANY_SEGMENT}}}", route.path)
        yield web.RouteDef(route.method, path, compile_route(route), {})


def _explore(
    instance: object, application: Enhancers, resolve: Resolve, prefix: str
) -> Iterator[HttpRoute]:
    cls = type(instance)
    class_enhancers = collect_enhancers(application, cls, cls.__name__, resolve)
    for name, member in methods_with_metadata(cls, ROUTE):
        subject = f"{cls.__name__}.{name}"
        if inspect.isgeneratorfunction(member) or inspect.isasyncgenfunction(member):
            raise BootError(
                f"{subject} is a generator, which HTTP does not stream; "
                "return the values, or a web.StreamResponse"
            )
        method, path = get_metadata(member, ROUTE)
        parts = (prefix, get_metadata(cls, CONTROLLER_PREFIX), path)
        url = "/" + "/".join(part.strip("/") for part in parts if part.strip("/"))
        parameters = read_parameters(member, subject, resolve, REQUEST_HANDLER)
        _check_path(url, parameters, subject)
        if get_metadata(member, BODY_LIMIT) and not _reads_body(parameters):
            raise BootError(_LIMIT_WITHOUT_BODY.format(subject))
        enhancers = collect_enhancers(class_enhancers, member, subject, resolve)
        check_needed_guards(cls, member, enhancers.guards, subject, resolve)
        code = get_metadata(member, HTTP_CODE)
        if code and _returns_response(member):
            raise BootError(
                f"{subject}: @http_code has no effect on a response of aiohttp; set its status"
            )
        yield HttpRoute(
            method=method,
            path=url,
            controller=cls,
            handler=getattr(instance, name),
            parameters=parameters,
            enhancers=enhancers,
            status=code or (201 if method == hdrs.METH_POST else 200),
            headers=get_metadata(member, RESPONSE_HEADERS) or (),
            max_body_bytes=get_metadata(member, BODY_LIMIT)
            or get_metadata(cls, BODY_LIMIT)
            or DEFAULT_MAX_BODY_BYTES,
        )


class UnknownPath:
    """The value of ``get_class()`` for a request that no route handles."""

    def answer(self, request: web.Request) -> None:
        """Raise Nest's error, with the path as the client sent it."""
        raise NotFoundException(f"Cannot {request.method} {request.raw_path}")


def unknown_path_route(application: Enhancers) -> web.RouteDef:
    """Return the route for all requests that no other route handles; add it last.

    As in Nest, a request with another method than the routes of its path is one of them. The global
    filters run, but no guards.
    """
    name = "UnknownPath.answer"
    route = HttpRoute(
        method=hdrs.METH_ANY,
        path=r"/{path:[\s\S]*}",
        controller=UnknownPath,
        handler=UnknownPath().answer,
        parameters=read_parameters(UnknownPath.answer, name, _unresolved, REQUEST_HANDLER),
        enhancers=Enhancers(filters=application.filters),
        status=404,
        headers=(),
        max_body_bytes=DEFAULT_MAX_BODY_BYTES,
    )
    return web.RouteDef(route.method, route.path, compile_route(route), {})


def compile_route(route: HttpRoute) -> Callable[[web.Request], Awaitable[web.StreamResponse]]:
    """Return the aiohttp handler of one route."""
    run = _compile_run(route)
    on_error = compile_filters(route.enhancers.filters, BaseExceptionFilter())
    log_name = f"{route.method} {route.path}"

    async def handle(request: web.Request) -> web.StreamResponse:
        response = HttpResponse(route.status)
        context = HttpContext(request, response, log_name, route.controller, route.handler)
        current_context.set(context)
        try:
            result = await run(context)
            for name, value in reversed(route.headers):
                response.headers.setdefault(name, value)
            return _only_response(context, response.finish(result))
        except web.HTTPException as raised:
            response.add_headers_to(raised)
            _only_response(context, raised)
            raise
        except Exception as error:
            if _must_disconnect(request, error):
                raise
            response.discard()
            if isinstance(error, WsTooManyRequests):
                response.headers[hdrs.RETRY_AFTER] = str(ceil(error.retry_after_ms / 1000))
            await on_error(as_http_exception(error), context)
            return _answer_of_filter(response, context)

    return handle


def _compile_run(route: HttpRoute) -> Callable[[HttpContext], Awaitable[Any]]:
    """Return the function that runs the guards, reads the body and calls the handler."""
    checks = tuple(guard.can_activate for guard in route.enhancers.guards)
    invoke = compile_invocation(route)
    markers = [parameter.marker for parameter in route.parameters]
    wants_body, wants_json = any(map(needs_body, markers)), any(map(needs_json, markers))

    async def run(context: HttpContext) -> Any:
        await try_activate(checks, context)
        if wants_body:
            request = context.get_request()
            context.raw_body = await read_body(request, route.max_body_bytes)
            if wants_json:
                context.body = decode_json(request, context.raw_body)
        return await invoke(context)

    return run


def refuse_duplicate_routes(routes: Iterable[web.RouteDef]) -> None:
    """Raise `BootError` if two routes have the same method and path: the second would never run.

    Paths that differ only in the names of their parameters are the same.
    """
    seen: set[tuple[str, str]] = set()
    for route in routes:
        key = (route.method, re.sub(_PARAMETER, "{", route.path))
        if key in seen:
            path = route.path.replace(_ANY_SEGMENT, "")
            raise BootError(f"{route.method} {path} has two handlers; remove one")
        seen.add(key)


def _only_response(context: HttpContext, response: web.StreamResponse) -> web.StreamResponse:
    """Return the response; raise RuntimeError if the handler has begun to send another."""
    if _has_begun(context.get_request()) and not response.prepared:
        raise RuntimeError(f"{context.log_name} has sent a web.StreamResponse; return that one")
    return response


def _has_begun(request: web.Request) -> bool:
    """Return whether a part of a response was sent, so that no other response can follow."""
    return request.writer.output_size > 0


def _must_disconnect(request: web.Request, error: Exception) -> bool:
    """Return whether no answer is possible, so that aiohttp must close the connection.

    aiohttp logs the error, but ``server_log.py`` drops errors that the client caused.
    """
    if isinstance(error, ConnectionResetError) and request.transport is None:
        return True  # the client has disconnected while it sent the body
    return isinstance(error, _BROKEN_REQUESTS) or _has_begun(request)


def _answer_of_filter(response: HttpResponse, context: HttpContext) -> web.StreamResponse:
    if not response.is_answered:
        BaseExceptionFilter().catch(RuntimeError("no filter answered"), context)
    return response.finish(None)


def _returns_response(method: Callable[..., Any]) -> bool:
    returned = annotated_class(get_type_hints(method).get("return"))
    return returned is not None and issubclass(returned, web.StreamResponse)


def _reads_body(parameters: Iterable[Parameter]) -> bool:
    return any(needs_body(parameter.marker) for parameter in parameters)


def _check_body_limit(cls: type, routes: Iterable[HttpRoute]) -> None:
    """Refuse `body_limit` on a class without a handler that it limits: nothing would be limited."""
    if get_metadata(cls, BODY_LIMIT) and not any(_reads_body(each.parameters) for each in routes):
        raise BootError(_LIMIT_WITHOUT_BODY.format(cls.__name__))


def _check_path(path: str, parameters: tuple[Parameter, ...], subject: str) -> None:
    """Refuse a path in Express' syntax or that aiohttp refuses, and a `Param` that is not in it."""
    found = re.search(r"/:(\w+)", path)
    if found:
        raise BootError(
            f"{subject}: the path {path} has the parameter :{found[1]}; write {{{found[1]}}}"
        )
    fixed = re.sub(_PARAMETER_WITH_PATTERN, "", path)
    if "*" in fixed:
        raise BootError(
            f"{subject}: the path {path} has the wildcard *, which would match only itself; "
            "write {rest:.*}"
        )
    if "?" in fixed or "#" in fixed:
        raise BootError(
            f"{subject}: the path {path} has a query or a fragment, so it would match nothing; "
            "read the query with Query()"
        )
    try:
        web.UrlDispatcher().add_resource(path)
    except ValueError as error:
        raise BootError(f"{subject}: the path {path} cannot be used: {error}") from None
    names = re.findall(_PARAMETER, path)
    for parameter in parameters:
        marker = parameter.marker
        if not isinstance(marker, ParamMarker) or marker.kind != "param" or marker.data is None:
            continue
        if marker.data not in names:
            raise BootError(
                f"{subject}: the path {path} has no parameter {marker.data!r}; "
                f"write {{{marker.data}}} in the path, or correct Param({marker.data!r})"
            )
