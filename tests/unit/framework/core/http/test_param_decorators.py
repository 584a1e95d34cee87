from typing import Annotated, Any

import pytest
from aiohttp import web
from yarl import URL

from app.framework import (
    Body,
    DefaultValuePipe,
    ExecutionContext,
    Headers,
    Param,
    Query,
    RawBody,
    Req,
    controller,
    create_param_decorator,
    get,
    post,
    use_pipes,
)
from tests.unit.framework.core.http.serving import serving
from tests.unit.framework.tracing import Trace, TracingPipe


def _agent(data: Any, context: ExecutionContext) -> Any:
    return context.switch_to_http().get_request().headers.get(data)


FromHeader = create_param_decorator(_agent)


@controller("echo")
class _Echo:
    @get("params/{one}/{two}")
    async def params(
        self, one: Annotated[str, Param("one")], both: Annotated[dict[str, str], Param()]
    ) -> list[Any]:
        return [one, both]

    @get(r"code/{code:\d{3}}")
    async def short_code(self, code: Annotated[str, Param("code")]) -> list[str]:
        return ["short", code]

    @get(r"code/{code:\d{4}}")
    async def long_code(self, code: Annotated[str, Param("code")]) -> list[str]:
        return ["long", code]

    @get("query")
    async def query(
        self,
        tag: Annotated[Any, Query("tag")],
        page: Annotated[Any, Query("page", DefaultValuePipe("1"))],
        everything: Annotated[dict[str, Any], Query()],
    ) -> list[Any]:
        return [tag, page, everything]

    @get("headers")
    async def headers(
        self,
        one: Annotated[Any, Headers("x-one")],
        everything: Annotated[Any, Headers()],
        custom: Annotated[Any, FromHeader("X-One")],
    ) -> list[Any]:
        return [one, everything.get("x-one"), custom]

    @post("body")
    async def body(self, body: Annotated[Any, Body()], name: Annotated[Any, Body("name")]) -> Any:
        return [body, name]

    @post("raw")
    async def raw(self, raw: Annotated[bytes, RawBody()], request: Annotated[Any, Req()]) -> Any:
        return [raw.decode(), request.path]


@pytest.mark.parametrize(
    ("path", "headers", "answer"),
    [
        ("params/a/b%20c", {}, ["a", {"one": "a", "two": "b c"}]),
        ("params/a/%7Bb%7D%2F", {}, ["a", {"one": "a", "two": "{b}/"}]),
        ("code/123", {}, ["short", "123"]),
        ("code/1234", {}, ["long", "1234"]),
        ("query?tag=x", {}, ["x", "1", {"tag": "x"}]),
        ("query?tag=x&tag=y&page=", {}, [["x", "y"], "", {"tag": ["x", "y"], "page": ""}]),
        ("query", {}, [None, "1", {}]),
        ("headers", {"X-One": "1"}, ["1", "1", "1"]),
        ("headers", {}, [None, None, None]),
    ],
)
async def test_handler_gets_what_it_names(
    path: str, headers: dict[str, str], answer: list[Any]
) -> None:
    async with serving(_Echo) as client:
        response = await client.get(URL(f"/echo/{path}", encoded=True), headers=headers)
        assert answer == await response.json()


@pytest.mark.parametrize(
    ("body", "answer"),
    [
        ('{"name": "Tom"}', [{"name": "Tom"}, "Tom"]),
        ('["Tom"]', [["Tom"], None]),
        ("{}", [{}, None]),
        ("", [None, None]),
    ],
)
async def test_handler_gets_the_body_or_a_field(body: str, answer: list[Any]) -> None:
    headers = {"Content-Type": "application/json"}
    async with serving(_Echo) as client:
        response = await client.post("/echo/body", data=body, headers=headers)
        assert (201, answer) == (response.status, await response.json())


async def test_raw_body_may_have_any_type() -> None:
    async with serving(_Echo) as client:
        response = await client.post("/echo/raw", data="no json")
        assert ["no json", "/echo/raw"] == await response.json()


async def test_pipes_run_for_input_only() -> None:
    """As in Nest, pipes do not run for the request, the response and headers."""
    trace: Trace = []

    @controller("piped")
    @use_pipes(TracingPipe(trace, "class"))
    class _Piped:
        @post("{id}")
        async def all(
            self,
            body: Annotated[Any, Body()],
            param: Annotated[Any, Param("id")],
            query: Annotated[Any, Query()],
            headers: Annotated[Any, Headers()],
            request: Annotated[web.Request, Req()],
            custom: Annotated[Any, FromHeader("X")],
        ) -> None: ...

    async with serving(_Piped) as client:
        await client.post("/piped/1", json={})

    kinds = ("body", "param", "query", "custom")
    assert [f"pipe class {kind}" for kind in kinds] == trace
