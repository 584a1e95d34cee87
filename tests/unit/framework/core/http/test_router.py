"""Tests the routes of controllers with a real server: order, results and contexts."""

from typing import Annotated, Any

import pytest
from aiohttp import web
from dependency_injector import providers
from pydantic import BaseModel
from structlog.testing import capture_logs

from app.framework import (
    AppGuard,
    AppInterceptor,
    AppPipe,
    Body,
    CallHandler,
    CanActivate,
    ExecutionContext,
    HttpResponse,
    NestInterceptor,
    Param,
    Reflector,
    Res,
    ValidationPipe,
    controller,
    delete,
    get,
    header,
    http_code,
    post,
    set_metadata,
    use_guards,
    use_interceptors,
    use_pipes,
)
from tests.unit.framework.core.http.serving import serving
from tests.unit.framework.tracing import Trace, TracingGuard, TracingInterceptor, TracingPipe

JSON = "application/json; charset=utf-8"
TEXT = "text/plain; charset=utf-8"


class _Cat(BaseModel):
    name: str
    age: int = 1


async def test_everything_runs_in_nests_order_when_all_kinds_are_used() -> None:
    """The global enhancers run first, then those of class, method and parameter."""
    trace: Trace = []

    @controller("cats")
    @use_guards(TracingGuard(trace, "class"))
    @use_interceptors(TracingInterceptor(trace, "class"))
    @use_pipes(TracingPipe(trace, "class"))
    class _Cats:
        @get("{name}")
        @use_guards(TracingGuard(trace, "method"))
        @use_interceptors(TracingInterceptor(trace, "method"))
        async def cat(
            self, name: Annotated[str, Param("name", TracingPipe(trace, "parameter"))]
        ) -> str:
            trace.append("handler")
            return name

    globals_ = (
        AppGuard(TracingGuard, trace, "global"),
        AppInterceptor(TracingInterceptor, trace, "global"),
        AppPipe(TracingPipe, trace, "global"),
    )
    async with serving(_Cats, *globals_) as client:
        response = await client.get("/cats/tom")

    assert (200, "tom") == (response.status, await response.text())
    assert [
        "guard global",
        "guard class",
        "guard method",
        "before global",
        "before class",
        "before method",
        "pipe global param",
        "pipe class param",
        "pipe parameter param",
        "handler",
        "after method",
        "after class",
        "after global",
    ] == trace


@controller("results")
class _Results:
    @get("dict")
    async def dict(self) -> dict[str, int]:
        return {"one": 1}

    @get("list")
    def list(self) -> list[int]:
        return [1]

    @get("model")
    async def model(self) -> _Cat:
        return _Cat(name="Tom")

    @get("text")
    async def text(self) -> str:
        return "<b>ü</b>"

    @get("bytes")
    async def bytes(self) -> bytes:
        return b"\0"

    @get("none")
    async def none(self) -> None: ...

    @get("bool")
    async def bool(self) -> bool:
        return True

    @post()
    async def created(self) -> str:
        return "created"

    @delete()
    @http_code(204)
    @header("X-Name", "value")
    @header("X-Name", "replaced")
    async def removed(self) -> None: ...

    @post("status")
    async def own_status(self, response: Annotated[HttpResponse, Res()]) -> str:
        response.status(202).set_header("X-Own", "yes")
        return "accepted"

    @get("json")
    async def json(self, request: web.Request, response: HttpResponse) -> None:
        response.json({"path": request.path})

    @get("raw")
    async def raw(self, _: web.Request) -> web.Response:
        return web.Response(text="raw", status=203)

    @get("raised")
    async def raised(self, _: web.Request, response: HttpResponse) -> web.Response:
        response.set_header("X-Own", "yes")
        raise web.HTTPGone(text="aiohttp's")

    @get("unsendable")
    async def unsendable(self) -> object:
        return object()


@pytest.mark.parametrize(
    ("method", "path", "status", "content_type", "body"),
    [
        ("GET", "dict", 200, JSON, '{"one":1}'),
        ("GET", "list", 200, JSON, "[1]"),
        ("GET", "model", 200, JSON, '{"name":"Tom","age":1}'),
        ("GET", "text", 200, TEXT, "<b>ü</b>"),
        ("GET", "bytes", 200, "application/octet-stream", "\0"),
        ("GET", "none", 200, None, ""),
        ("GET", "bool", 200, JSON, "true"),
        ("POST", "", 201, TEXT, "created"),
        ("DELETE", "", 204, None, ""),
        ("POST", "status", 202, TEXT, "accepted"),
        ("GET", "json", 200, JSON, '{"path":"/results/json"}'),
        ("GET", "raw", 203, TEXT, "raw"),
        ("GET", "raised", 410, TEXT, "aiohttp's"),
        ("HEAD", "dict", 200, JSON, ""),
    ],
)
async def test_result_is_sent_by_its_type(
    method: str, path: str, status: int, content_type: str | None, body: str
) -> None:
    """Text is never sent as HTML, so that browsers do not run scripts in a client's text."""
    async with serving(_Results) as client:
        response = await client.request(method, f"/results/{path}".rstrip("/"))
        assert (status, body) == (response.status, await response.text())

    if content_type is not None:
        assert content_type == response.headers["Content-Type"]


async def test_headers_are_sent_when_decorator_or_handler_set_them() -> None:
    """As in Nest, the upper one of two decorators counts."""
    async with serving(_Results) as client:
        removed = await client.delete("/results")
        accepted = await client.post("/results/status")
        raised = await client.get("/results/raised")

    assert "value" == removed.headers["X-Name"]
    assert ["yes", "yes"] == [each.headers["X-Own"] for each in (accepted, raised)]


async def test_result_without_a_json_form_is_an_internal_error() -> None:
    with capture_logs() as logs:
        async with serving(_Results) as client:
            response = await client.get("/results/unsendable")

    assert 500 == response.status
    assert {"statusCode": 500, "message": "Internal server error"} == await response.json()
    assert [("unexpected error", "GET /results/unsendable")] == [
        (line["event"], line["route"]) for line in logs
    ]


async def test_dto_is_validated_when_a_validation_pipe_is_global() -> None:
    """As in Nest, ``message`` is a list. The list contains no values from the request."""

    @controller("cats")
    class _Cats:
        @post("{owner}")
        async def create(
            self, owner: Annotated[int, Param("owner")], cat: Annotated[_Cat, Body()]
        ) -> dict[str, Any]:
            return {"owner": owner, "cat": cat}

    async with serving(_Cats, AppPipe(ValidationPipe)) as client:
        created = await client.post("/cats/5", json={"name": "Tom", "other": 1})
        refused = await client.post("/cats/five", json={"name": "Tom"})
        invalid = await client.post("/cats/5", json={"age": "old"})
        assert (201, {"owner": 5, "cat": {"name": "Tom", "age": 1}}) == (
            created.status,
            await created.json(),
        )
        assert (400, "Bad Request") == (refused.status, (await refused.json())["error"])
        assert {
            "statusCode": 400,
            "message": [
                "name: Field required",
                "age: Input should be a valid integer, unable to parse string as an integer",
            ],
            "error": "Bad Request",
        } == await invalid.json()


async def test_context_is_that_of_the_request_in_guards_and_interceptors() -> None:
    """Guards and interceptors may set headers, and read metadata."""

    class _Roles(CanActivate):
        def can_activate(self, context: ExecutionContext) -> bool:
            http = context.switch_to_http()
            http.get_response().set_header("X-Guard", context.get_type())
            role = Reflector().get_all_and_override(
                "role", [context.get_handler(), context.get_class()]
            )
            return bool(http.get_request().headers.get("X-Role") == role)

    class _Wrap(NestInterceptor):
        async def intercept(self, context: ExecutionContext, call_handler: CallHandler) -> Any:
            return {"data": await call_handler.handle(), "args": len(context.get_args())}

    @controller("cats")
    @set_metadata("role", "admin")
    @use_guards(_Roles)
    @use_interceptors(_Wrap())
    class _Cats:
        @get()
        async def index(self) -> list[str]:
            return ["Tom"]

    async with serving(_Cats, providers.Singleton(_Roles)) as client:
        refused = await client.get("/cats")
        response = await client.get("/cats", headers={"X-Role": "admin"})
        assert {"data": ["Tom"], "args": 2} == await response.json()

    assert (403, 200, "http") == (refused.status, response.status, response.headers["X-Guard"])


async def test_guard_for_sockets_admits_nobody_when_it_runs_for_a_request() -> None:
    """A global guard that does not check ``get_type()`` fails closed."""

    class _SocketsOnly(CanActivate):
        def can_activate(self, context: ExecutionContext) -> bool:
            return context.switch_to_ws().get_client() is not None

    ran: list[str] = []

    @controller("cats")
    class _Cats:
        @get()
        async def index(self) -> None:
            ran.append("index")

    async with serving(_Cats, AppGuard(_SocketsOnly)) as client:
        response = await client.get("/cats")

    assert (500, []) == (response.status, ran)
