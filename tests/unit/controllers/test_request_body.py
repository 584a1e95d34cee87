import gzip
from collections.abc import AsyncIterator

import pytest
from aiohttp import web
from aiohttp.test_utils import TestClient, TestServer

from app.controllers.request_body import read_body

MAX_BYTES = 1_000

Client = TestClient[web.Request, web.Application]


async def _echo(request: web.Request) -> web.Response:
    return web.Response(body=await read_body(request, MAX_BYTES))


@pytest.fixture
async def client() -> AsyncIterator[Client]:
    """A server that reads bodies and sends them back."""
    app = web.Application()
    app.router.add_post("/", _echo)
    async with TestClient(TestServer(app)) as client:
        yield client


@pytest.mark.parametrize("body", [b"", b"hello", b"x" * MAX_BYTES])
async def test_body_is_read_when_it_is_within_bounds(client: Client, body: bytes) -> None:
    """Every byte of it."""
    response = await client.post("/", data=body)

    assert (200, body) == (response.status, await response.read())


async def test_body_is_unpacked_when_it_came_compressed(client: Client) -> None:
    """As its header says."""
    packed = gzip.compress(b"hello")

    response = await client.post("/", data=packed, headers={"Content-Encoding": "gzip"})

    assert b"hello" == await response.read()


@pytest.mark.parametrize("packed", [False, True], ids=["plain", "packed"])
async def test_body_is_refused_when_it_is_too_large(client: Client, *, packed: bool) -> None:
    """By what it unpacks to: a small bomb is a large body."""
    body = b"x" * 1_000_000
    headers = {"Content-Encoding": "gzip"} if packed else {}

    response = await client.post("/", data=gzip.compress(body) if packed else body, headers=headers)

    assert 413 == response.status
    assert {
        "statusCode": 413,
        "message": "The body may have 1000 bytes.",
        "code": "too_large",
    } == await response.json()


async def test_body_is_refused_when_it_cannot_be_unpacked(client: Client) -> None:
    """With a sentence; it is the sender's fault, not ours."""
    response = await client.post("/", data=b"hello", headers={"Content-Encoding": "gzip"})

    assert 400 == response.status
    assert {
        "statusCode": 400,
        "message": "The body cannot be read.",
        "code": "invalid_payload",
    } == await response.json()
