from collections.abc import AsyncIterator
from typing import Annotated

import pytest

from app.controllers.requests.refusals import RefusalFilter
from app.domain.errors import NotAMember
from app.framework import RawBody, body_limit, controller, get, post, use_filters
from tests.unit.controllers.revoking import Client, serving

MAX_BYTES = 1_000


@controller()
@use_filters(RefusalFilter())
class _Echo:
    @post()
    @body_limit(MAX_BYTES)
    async def echo(self, body: Annotated[bytes, RawBody()]) -> bytes:
        return body

    @get()
    async def unknown(self) -> None:
        raise NotAMember


@pytest.fixture
async def client() -> AsyncIterator[Client]:
    """A client of a server that answers with the body of the request."""
    async with serving(_Echo()) as client:
        yield client


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


async def test_error_is_a_bug_when_it_has_no_status(client: Client) -> None:
    """A domain error without an HTTP status must not reach a controller, so it counts as a bug."""
    response = await client.get("/")

    assert (500, "Internal server error") == (response.status, (await response.json())["message"])
