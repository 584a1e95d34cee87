"""The parameter decorators of controllers: ``Body``, ``Param``, ``Query``, ``Headers`` and others.

They are written like those of gateways: ``body: Annotated[CreateCatDto, Body()]``.
"""

from functools import partial
from operator import attrgetter
from typing import Any, cast

from aiohttp import web

from app.framework.common.context import ExecutionContext, HttpContext
from app.framework.common.pipes import ParamKind
from app.framework.websockets.param_decorators import ParamMarker, param_decorator
from app.framework.websockets.parameters import HandlerKind

_read_request = attrgetter("_request")
_read_response = attrgetter("_response")
_read_json = attrgetter("body")
_read_raw_body = attrgetter("raw_body")


@param_decorator
def Body(field: object = None, *pipes: Any) -> ParamMarker:  # noqa: N802 - Nest's name
    """Pass the decoded JSON body, or one field of it; a missing body or field is None.

    The body must be an object or an array. The first argument may also be a pipe.
    """
    return _marker("body", field, pipes, _read_json, _body_field)


@param_decorator
def RawBody(*pipes: Any) -> ParamMarker:  # noqa: N802 - Nest's name
    """Pass the body as bytes, for example to verify a signature. Any content type is accepted."""
    return _http_marker("custom", None, _read_raw_body, pipes)


@param_decorator
def Param(name: object = None, *pipes: Any) -> ParamMarker:  # noqa: N802 - Nest's name
    """Pass a parameter of the path, or all of them as a dict."""
    return _marker("param", name, pipes, _all_params, _param)


@param_decorator
def Query(name: object = None, *pipes: Any) -> ParamMarker:  # noqa: N802 - Nest's name
    """Pass a parameter of the query, or all of them as a dict.

    A missing parameter is None. A repeated parameter is a list, as in Nest.
    """
    return _marker("query", name, pipes, _all_query, _query)


@param_decorator
def Headers(name: str | None = None) -> ParamMarker:  # noqa: N802 - Nest's name
    """Pass a header, or all headers; a missing header is None. As in Nest, no pipes run."""
    read = _all_headers if name is None else partial(_header, name)
    return _http_marker("custom", name, read, is_pipeable=False)


@param_decorator
def Req() -> ParamMarker:  # noqa: N802 - Nest's name
    """Pass aiohttp's request."""
    return _http_marker("custom", None, _read_request, is_pipeable=False)


@param_decorator
def Res() -> ParamMarker:  # noqa: N802 - Nest's name
    """Pass the `HttpResponse`, to set the status or headers.

    The result of the handler is still sent, as with Nest's ``passthrough``, unless the handler
    calls ``json`` or ``send``.
    """
    return _http_marker("custom", None, _read_response, is_pipeable=False)


def needs_body(marker: object) -> bool:
    """Return whether the body of the request must be read for a parameter."""
    return isinstance(marker, ParamMarker) and (needs_json(marker) or marker.read is _read_raw_body)


def needs_json(marker: object) -> bool:
    """Return whether the body of the request must be decoded for a parameter."""
    return isinstance(marker, ParamMarker) and marker.kind == "body"


def _marker(
    kind: ParamKind, name: object, pipes: tuple[Any, ...], read_all: Any, read_one: Any
) -> ParamMarker:
    if not isinstance(name, str | None):
        name, pipes = None, (name, *pipes)
    return _http_marker(kind, name, read_all if name is None else partial(read_one, name), pipes)


def _http_marker(
    kind: ParamKind,
    data: object,
    read: Any,
    pipes: tuple[Any, ...] = (),
    *,
    is_pipeable: bool = True,
) -> ParamMarker:
    return ParamMarker(
        kind, data, read, pipes, may_be_awaitable=False, host="http", is_pipeable=is_pipeable
    )


def _request(context: ExecutionContext) -> web.Request:
    return cast(web.Request, context.switch_to_http().get_request())


def _body_field(field: str, context: HttpContext) -> Any:
    return context.body.get(field) if isinstance(context.body, dict) else None


def _param(name: str, context: ExecutionContext) -> str | None:
    return _request(context).match_info.get(name)


def _all_params(context: ExecutionContext) -> dict[str, str]:
    return dict(_request(context).match_info)


def _query(name: str, context: ExecutionContext) -> Any:
    values = _request(context).query.getall(name, None)
    return values[0] if values is not None and len(values) == 1 else values


def _all_query(context: ExecutionContext) -> dict[str, Any]:
    return {name: _query(name, context) for name in _request(context).query}


def _header(name: str, context: ExecutionContext) -> str | None:
    return _request(context).headers.get(name)


def _all_headers(context: ExecutionContext) -> Any:
    return _request(context).headers


REQUEST_HANDLER = HandlerKind(
    host="http",
    plain={"request": Req(), "response": Res()},
    first_type=web.Request,
    markers=("Body()", "Param()", "Query()", "Headers()", "Req()", "Res()"),
)
