"""Tests of routes with a real server: order, results, errors, and mistakes that stop the boot."""

from collections.abc import AsyncIterator
from typing import Annotated, Any

import pytest
from aiohttp import web
from dependency_injector import providers
from pydantic import BaseModel
from structlog.testing import capture_logs

from app.framework import (
    AppFilter,
    AppGuard,
    AppInterceptor,
    AppPipe,
    BaseExceptionFilter,
    BaseWsExceptionFilter,
    Body,
    BootError,
    CallHandler,
    CanActivate,
    ConflictException,
    ExecutionContext,
    HttpException,
    HttpResponse,
    MessageBody,
    NestInterceptor,
    NotFoundException,
    Param,
    Reflector,
    Res,
    ValidationPipe,
    WsException,
    WsTooManyRequests,
    WsUnauthorized,
    catch,
    controller,
    delete,
    get,
    header,
    http_code,
    post,
    set_metadata,
    subscribe_message,
    use_filters,
    use_guards,
    use_interceptors,
    use_pipes,
    web_socket_gateway,
)
from tests.unit.framework.assembling import start_error
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


@controller("errors")
class _Errors:
    @get("not-found")
    async def not_found(self) -> None:
        raise NotFoundException("No such cat")

    @get("bare")
    async def bare(self) -> None:
        raise ConflictException

    @get("text")
    async def text(self) -> None:
        raise HttpException("Slow down", 420, error_code="slow")

    @get("object")
    async def object(self) -> None:
        raise HttpException({"reason": "tea"}, 418)

    @get("unauthorized")
    async def unauthorized(self) -> None:
        raise WsUnauthorized("Sign in")

    @get("limited")
    async def limited(self) -> None:
        raise WsTooManyRequests(1_200)

    @get("ws")
    async def ws(self) -> None:
        raise WsException("for sockets")

    @get("bug")
    async def bug(self) -> None:
        raise KeyError("secret")

    @get("refused")
    @use_guards(TracingGuard([], "refusing", verdict=False))
    async def refused(self) -> None: ...


@pytest.mark.parametrize(
    ("path", "status", "body"),
    [
        ("not-found", 404, {"message": "No such cat", "error": "Not Found", "statusCode": 404}),
        ("bare", 409, {"message": "Conflict", "statusCode": 409}),
        ("text", 420, {"message": "Slow down", "statusCode": 420, "errorCode": "slow"}),
        ("object", 418, {"reason": "tea"}),
        ("unauthorized", 401, {"message": "Sign in", "error": "Unauthorized", "statusCode": 401}),
        (
            "limited",
            429,
            {
                "message": "Too many events; try again in 1200 ms.",
                "error": "Too Many Requests",
                "statusCode": 429,
            },
        ),
        ("ws", 500, {"message": "Internal server error", "statusCode": 500}),
        ("bug", 500, {"message": "Internal server error", "statusCode": 500}),
        (
            "refused",
            403,
            {"message": "Forbidden resource", "error": "Forbidden", "statusCode": 403},
        ),
    ],
)
async def test_error_has_nests_body(path: str, status: int, body: dict[str, Any]) -> None:
    """As in Nest, a plain `WsException` in a controller is answered like an unexpected error."""
    async with serving(_Errors) as client:
        response = await client.get(f"/errors/{path}")
        assert (status, body) == (response.status, await response.json())


async def test_rate_limited_client_learns_when_to_return() -> None:
    async with serving(_Errors) as client:
        response = await client.get("/errors/limited")

    assert "2" == response.headers["Retry-After"]


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


class _CatIsAsleep(Exception):
    pass


@catch(_CatIsAsleep)
class _AsleepFilter(BaseExceptionFilter):
    def catch(self, exception: Exception, host: ExecutionContext) -> None:
        del exception
        response = host.switch_to_http().get_response()
        response.status(423).json({"asleep": host.switch_to_http().get_request().path})


@catch(HttpException)
class _SilentFilter(BaseExceptionFilter):
    def catch(self, exception: Exception, host: ExecutionContext) -> None:
        """Answer nothing."""


@controller("sleep")
@use_filters(_SilentFilter())
class _Sleepers:
    @get()
    @use_filters(_AsleepFilter())
    async def sleep(self, response: Annotated[HttpResponse, Res()]) -> None:
        response.json("half an answer")
        raise _CatIsAsleep

    @get("silent")
    async def silent(self, response: Annotated[HttpResponse, Res()]) -> None:
        response.json("half an answer")
        raise NotFoundException

    @get("global")
    async def other(self) -> None:
        raise LookupError("Tom")


async def test_filter_answers_when_it_catches_the_error() -> None:
    """If the filter sends no answer, changes that the handler made to the response are dropped."""

    @catch(LookupError)
    class _Global(BaseExceptionFilter):
        def catch(self, exception: Exception, host: ExecutionContext) -> None:
            super().catch(NotFoundException(f"nothing found: {exception}"), host)

    async with serving(_Sleepers, AppFilter(_Global)) as client:
        asleep = await client.get("/sleep")
        silent = await client.get("/sleep/silent")
        found = await client.get("/sleep/global")
        assert (423, {"asleep": "/sleep"}) == (asleep.status, await asleep.json())
        assert (500, "Internal server error") == (silent.status, (await silent.json())["message"])
        assert (404, "nothing found: Tom") == (found.status, (await found.json())["message"])


async def test_filter_for_sockets_answers_a_request_when_it_is_global() -> None:
    """`BaseWsExceptionFilter` passes errors of requests to `BaseExceptionFilter`."""
    async with serving(_Errors, AppFilter(BaseWsExceptionFilter)) as client:
        response = await client.get("/errors/not-found")
        assert (404, "No such cat") == (response.status, (await response.json())["message"])


def test_decorator_refuses_a_second_route() -> None:
    """Only one of the two would work."""
    with pytest.raises(BootError) as caught:

        class _Cats:
            @get()
            @post()
            async def both(self) -> None: ...

    assert str(caught.value).endswith("_Cats.both has two routes; write one method for each route")


ALL_MARKERS = "Body(), Param(), Query(), Headers(), Req(), Res()"


async def test_boot_fails_when_a_route_is_a_generator() -> None:
    @controller("cats")
    class _Cats:
        @get()
        async def index(self) -> AsyncIterator[int]:
            yield 1

    assert (
        "_Cats.index is a generator, which HTTP does not stream; "
        "return the values, or a web.StreamResponse"
    ) == await start_error(providers.Singleton(_Cats))


async def test_boot_fails_when_a_path_lacks_a_parameter() -> None:
    """A path in Nest's form ``:id`` would match only the text ``:id``."""

    @controller("cats")
    class _Colon:
        @get(":id")
        async def cat(self) -> None: ...

    @controller("cats")
    class _Missing:
        @get("{id}")
        async def cat(self, name: Annotated[str, Param("name")]) -> None: ...

    assert "_Colon.cat: the path /cats/:id has the parameter :id; write {id}" == (
        await start_error(providers.Singleton(_Colon))
    )
    assert (
        "_Missing.cat: the path /cats/{id} has no parameter 'name'; "
        "write {name} in the path, or correct Param('name')"
    ) == await start_error(providers.Singleton(_Missing))


async def test_boot_fails_when_a_marker_is_for_the_other_kind_of_handler() -> None:
    @controller("cats")
    class _Cats:
        @post()
        async def create(self, cat: Annotated[_Cat, MessageBody()]) -> None: ...

    @web_socket_gateway()
    class _Gateway:
        @subscribe_message("create")
        async def create(self, cat: Annotated[_Cat, Body()]) -> None: ...

    assert (
        "_Cats.create: the marker of parameter 'cat' is for gateways; "
        f"write {ALL_MARKERS} or a custom parameter decorator"
    ) == await start_error(providers.Singleton(_Cats))
    assert (
        "_Gateway.create: the marker of parameter 'cat' is for controllers; write "
        "MessageBody(), ConnectedSocket(), Ack() or a custom parameter decorator"
    ) == await start_error(providers.Singleton(_Gateway))


async def test_boot_fails_when_a_dto_has_no_marker() -> None:
    """The parameter would receive aiohttp's request."""

    @controller("cats")
    class _Cats:
        @post()
        async def create(self, cat: _Cat) -> None: ...

    assert (
        "_Cats.create: parameter 'cat' receives the request, but its annotation is another type; "
        "a handler without markers takes (request, response): add a request parameter before "
        "this one, or annotate this one with Body()"
    ) == await start_error(providers.Singleton(_Cats))
