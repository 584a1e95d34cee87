import asyncio
from functools import partial
from typing import Annotated, Any

import pytest
from aiohttp import StreamReader, web
from aiohttp.base_protocol import BaseProtocol
from aiohttp.http_exceptions import TransferEncodingError
from aiohttp.test_utils import make_mocked_request
from dependency_injector import providers
from structlog.testing import capture_logs
from yarl import URL

from app.framework import (
    Body,
    BootError,
    RawBody,
    RequestTimeoutException,
    body_limit,
    controller,
    header,
    http_code,
    post,
    use_guards,
)
from app.framework.core.http.body import DEFAULT_MAX_BODY_BYTES, read_body
from app.framework.core.http.router import routes_of
from tests.unit.framework.assembling import application, start_error
from tests.unit.framework.core.http.serving import serving
from tests.unit.framework.tracing import TracingGuard

LIMIT = 1_000


@controller("bodies")
@body_limit(LIMIT)
class _Bodies:
    @post("json")
    async def json(self, body: Annotated[Any, Body()]) -> Any:
        return {"body": body}

    @post("raw")
    async def raw(self, body: Annotated[bytes, RawBody()]) -> bytes:
        return body

    @post("guarded")
    @use_guards(TracingGuard([], "refusing", verdict=False))
    async def guarded(self, body: Annotated[Any, Body()]) -> None: ...

    @post("large")
    @body_limit(2 * LIMIT)
    async def large(self, body: Annotated[bytes, RawBody()]) -> int:
        return len(body)


async def post_body(
    path: str, body: bytes, content_type: str = "application/json", **headers: str
) -> tuple[int, Any]:
    """Send a body, and return the status and the JSON answer."""
    async with serving(_Bodies) as client:
        response = await client.post(
            f"/bodies/{path}", data=body, headers={"Content-Type": content_type, **headers}
        )
        return response.status, await response.json(content_type=None)


@pytest.mark.parametrize(
    "content_type",
    ["application/json", "Application/JSON; charset=UTF-8", "application/problem+json"],
)
async def test_json_is_decoded_when_its_type_is_json(content_type: str) -> None:
    assert (201, {"body": {"ü": 1}}) == await post_body("json", '{"ü": 1}'.encode(), content_type)


@pytest.mark.parametrize(
    ("body", "content_type", "status", "code", "message"),
    [
        (b"{", "application/json", 400, "invalid_json", "The body is not valid JSON."),
        (b"\xff", "application/json", 400, "invalid_json", "The body is not valid JSON."),
        (b"[" * 500, "application/json", 400, "invalid_json", "The body is not valid JSON."),
        (b"NaN", "application/json", 400, "invalid_json", "The body is not valid JSON."),
        (b"5", "application/json", 400, "invalid_json", "The body must be a JSON object or array."),
        (
            b"{}",
            "text/plain",
            415,
            "unsupported_media_type",
            "The Content-Type must be application/json.",
        ),
        (
            b"{}",
            "application/x-ndjson",
            415,
            "unsupported_media_type",
            "The Content-Type must be application/json.",
        ),
        (
            b"{}",
            "application/json; charset=utf-16",
            415,
            "unsupported_charset",
            "The charset of the body must be UTF-8.",
        ),
        (
            b" " * (LIMIT + 1),
            "application/json",
            413,
            "too_large",
            "The body must not exceed 1000 bytes.",
        ),
    ],
)
async def test_body_is_refused_when_it_is_no_json(
    body: bytes, content_type: str, status: int, code: str, message: str
) -> None:
    """The answer contains no part of the body."""
    answer_status, answer = await post_body("json", body, content_type)

    assert (status, status, message, code) == (
        answer_status,
        answer["statusCode"],
        answer["message"],
        answer["errorCode"],
    )
    assert {"statusCode", "message", "error", "errorCode"} == answer.keys()


@pytest.mark.parametrize("path", ["json", "raw"])
@pytest.mark.parametrize("encoding", ["gzip", "deflate", "br", "identity, gzip", "x"])
async def test_body_is_refused_when_it_is_compressed(path: str, encoding: str) -> None:
    """Compressed bodies are rejected, because unpacking even a small one may take long."""
    status, answer = await post_body(path, b"{}", **{"Content-Encoding": encoding})

    assert (415, "unsupported_encoding") == (status, answer["errorCode"])


async def test_body_is_read_up_to_the_limit_of_its_route() -> None:
    """The limit of a method replaces that of the class."""
    assert (201, 2 * LIMIT) == await post_body("large", b" " * 2 * LIMIT)
    assert 413 == (await post_body("large", b" " * (2 * LIMIT + 1)))[0]
    assert 102_400 == DEFAULT_MAX_BODY_BYTES


async def test_body_is_not_read_when_a_guard_refuses() -> None:
    """The guard's error takes precedence over the error of an invalid body."""
    assert 403 == (await post_body("guarded", b"{"))[0]


async def test_body_is_refused_when_it_does_not_come() -> None:
    """The server waits for a body only until a timeout."""
    request = make_mocked_request("POST", "/", payload=_unfinished_body())
    with pytest.raises(RequestTimeoutException) as caught:
        await read_body(request, LIMIT, timeout_seconds=0.01)

    assert (408, "timeout") == (caught.value.get_status(), caught.value.error_code)


@pytest.mark.parametrize("error", [web.RequestPayloadError(), TransferEncodingError("x")])
async def test_error_of_invalid_http_is_left_to_aiohttp(error: Exception) -> None:
    """Errors of aiohttp's parsers are not caught, because only aiohttp can close the connection.

    The parser in C raises errors of other classes than the two that this test uses.
    """

    @controller()
    class _Raw:
        @post()
        async def raw(self, body: Annotated[bytes, RawBody()]) -> bytes:
            return body

    (route,) = routes_of(_Raw())
    payload = _unfinished_body()
    payload.set_exception(error)
    with pytest.raises(type(error)):
        await route.handler(make_mocked_request("POST", "/", payload=payload))


def _unfinished_body() -> StreamReader:
    protocol = BaseProtocol(asyncio.get_running_loop())
    protocol.connection_made(asyncio.Transport())
    return StreamReader(protocol, 2**16)


@pytest.mark.parametrize("end", [b"", b"5\r\nab", b"x\r\nab"])
async def test_log_is_empty_when_a_client_breaks_its_body_off(end: bytes) -> None:
    """If incomplete bodies were logged, clients could fill the log."""
    app = application(providers.Singleton(_Bodies))
    url = URL(await app.listen(0))
    with capture_logs() as logs:
        reader, writer = await asyncio.open_connection(url.host, url.port)
        head = b"POST /bodies/raw HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n"
        writer.write(head + end)
        await writer.drain()
        await asyncio.sleep(0.05)
        writer.close()
        await writer.wait_closed()
        await asyncio.sleep(0.05)
        await app.close()

    del reader
    assert [] == logs


@pytest.mark.parametrize(
    ("decorate", "value", "sentence"),
    [
        (http_code, 99, "@http_code: 99 is not a status; write a number like 204"),
        (http_code, "204", "@http_code: '204' is not a status; write a number like 204"),
        (body_limit, 0, "@body_limit: 0 is not a number of bytes above 0"),
        (partial(header, "X"), 5, "@header: the header 'X' must be a text of one line"),
        (
            partial(header, "X"),
            "a\n",
            "@header: the header 'X' must be a text of one line",
        ),
    ],
)
def test_decorator_refuses_what_cannot_be(decorate: Any, value: object, sentence: str) -> None:
    with pytest.raises(BootError) as caught:
        decorate(value)
    assert sentence == str(caught.value)


async def test_boot_fails_when_a_limited_body_is_not_read() -> None:
    """The limit would have no effect on a body that the handler reads from aiohttp's request."""

    @controller("bodies")
    class _Bodies:
        @post()
        @body_limit(LIMIT)
        async def create(self, request: web.Request) -> bytes:
            return await request.read()

    @controller("bodies")
    @body_limit(LIMIT)
    class _LimitedClass:
        @post()
        async def create(self, request: web.Request) -> bytes:
            return await request.read()

    for cls, subject in ((_Bodies, "_Bodies.create"), (_LimitedClass, "_LimitedClass")):
        assert (
            f"{subject}: @body_limit has no effect without Body() or RawBody(); add a parameter"
        ) == await start_error(providers.Singleton(cls))
