from collections.abc import AsyncIterator

import pytest
from aiohttp import web
from aiohttp.test_utils import TestClient, TestServer

from app.controllers.requests.body import read_body

MAX_BYTES = 1_000

Client = TestClient[web.Request, web.Application]


async def _echo(request: web.Request) -> web.Response:
    return web.Response(body=await read_body(request, MAX_BYTES))


@pytest.fixture
async def client() -> AsyncIterator[Client]:
    """A client of a server that answers with the body of the request."""
    app = web.Application()
    app.router.add_post("/", _echo)
    server = TestServer(app)
    await server.start_server(auto_decompress=False)  # NestApplication sets the same option.
    async with TestClient(server) as client:
        yield client


@pytest.mark.parametrize("body", [b"", b"hello", b"x" * MAX_BYTES])
async def test_body_is_read_when_it_is_within_bounds(client: Client, body: bytes) -> None:
    response = await client.post("/", data=body)

    assert (200, body) == (response.status, await response.read())


async def test_body_is_read_when_its_encoding_is_none(client: Client) -> None:
    """The encoding `identity` means no encoding (RFC 9110, 12.5.3)."""
    response = await client.post("/", data=b"hello", headers={"Content-Encoding": "Identity"})

    assert b"hello" == await response.read()


async def test_body_is_refused_when_it_is_too_large(client: Client) -> None:
    """The error message states the limit."""
    response = await client.post("/", data=b"x" * 1_000_000)

    assert 413 == response.status
    assert {
        "statusCode": 413,
        "message": "The body must not exceed 1000 bytes.",
        "code": "too_large",
    } == await response.json()


@pytest.mark.parametrize("encoding", ["gzip", "deflate", "br", "zstd", "identity, gzip", "", "x"])
async def test_body_is_refused_when_it_is_compressed(client: Client, encoding: str) -> None:
    headers = {"Content-Encoding": encoding}

    response = await client.post("/", data=b"hello", headers=headers)

    assert 415 == response.status
    assert {
        "statusCode": 415,
        "message": "The body must come without a Content-Encoding.",
        "code": "unsupported_encoding",
    } == await response.json()
