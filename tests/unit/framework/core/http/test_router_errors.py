"""Tests app/framework/core/http/router.py: the answers to errors."""

from typing import Annotated, Any

import pytest
from structlog.testing import capture_logs
from yarl import URL

from app.framework import (
    AppFilter,
    AppGuard,
    BaseExceptionFilter,
    BaseWsExceptionFilter,
    ConflictException,
    ExecutionContext,
    HttpException,
    HttpResponse,
    NotFoundException,
    Res,
    WsException,
    WsTooManyRequests,
    WsUnauthorized,
    catch,
    controller,
    get,
    use_filters,
    use_guards,
)
from tests.unit.framework.core.http.serving import serving
from tests.unit.framework.tracing import TracingGuard


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


async def test_rate_limited_client_gets_the_time_to_retry() -> None:
    async with serving(_Errors) as client:
        response = await client.get("/errors/limited")

    assert "2" == response.headers["Retry-After"]


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
    """If no filter answers, the client gets 500 instead of the answer that the handler began."""

    @catch(LookupError)
    class _Global(BaseExceptionFilter):
        def catch(self, exception: Exception, host: ExecutionContext) -> None:
            super().catch(NotFoundException(f"nothing found: {exception}"), host)

    async with serving(_Sleepers, AppFilter(_Global)) as client:
        asleep = await client.get("/sleep")
        with capture_logs() as logs:
            silent = await client.get("/sleep/silent")
        found = await client.get("/sleep/global")
        assert (423, {"asleep": "/sleep"}) == (asleep.status, await asleep.json())
        assert (500, "Internal server error") == (silent.status, (await silent.json())["message"])
        assert (404, "nothing found: Tom") == (found.status, (await found.json())["message"])
    assert ["no filter answered"] == [str(line["exc_info"]) for line in logs]


async def test_filter_for_sockets_answers_a_request_when_it_is_global() -> None:
    """`BaseWsExceptionFilter` passes errors of requests to `BaseExceptionFilter`."""
    async with serving(_Errors, AppFilter(BaseWsExceptionFilter)) as client:
        response = await client.get("/errors/not-found")
        assert (404, "No such cat") == (response.status, (await response.json())["message"])


@pytest.mark.parametrize(
    ("method", "path"),
    [("GET", "/nowhere?name=<b>"), ("POST", "/errors/bare"), ("OPTIONS", "/"), ("GET", "/a%0Ab")],
)
async def test_request_gets_nests_body_when_no_route_handles_it(method: str, path: str) -> None:
    """Nest answers 404 to a known path with another method, too. Guards do not run."""
    trace: list[str] = []
    guard = AppGuard(TracingGuard, trace, "global")
    async with serving(_Errors, guard) as client:
        response = await client.request(method, URL(path, encoded=True))
        assert (
            404,
            {"message": f"Cannot {method} {path}", "error": "Not Found", "statusCode": 404},
        ) == (response.status, await response.json())

    assert [] == trace


async def test_global_filter_answers_when_no_route_handles_a_request() -> None:
    @catch(NotFoundException)
    class _Page(BaseExceptionFilter):
        def catch(self, exception: Exception, host: ExecutionContext) -> None:
            response = host.switch_to_http().get_response()
            response.status(404).send(f"lost: {exception}")

    async with serving(_Errors, AppFilter(_Page)) as client:
        response = await client.get("/nowhere")
        assert (404, "lost: Cannot GET /nowhere") == (response.status, await response.text())
