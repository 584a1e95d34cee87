"""Tests app/framework/core/http/router.py: handlers that send an aiohttp response themselves."""

import asyncio
import logging

import pytest
from aiohttp import web
from dependency_injector import providers
from yarl import URL

from app.framework import controller, get
from tests.unit.framework.assembling import application


async def _begin(request: web.Request) -> web.StreamResponse:
    response = web.StreamResponse()
    await response.prepare(request)
    await response.write(b"part")
    return response


@controller("streams")
class _Streams:
    @get("returned")
    async def returned(self, request: web.Request) -> web.StreamResponse:
        return await _begin(request)

    @get("forgotten")
    async def forgotten(self, request: web.Request) -> None:
        await _begin(request)

    @get("bug")
    async def bug(self, request: web.Request) -> None:
        await _begin(request)
        raise KeyError("secret")

    @get("refused")
    async def refused(self, request: web.Request) -> None:
        await _begin(request)
        raise web.HTTPConflict


async def _answer(path: str) -> bytes:
    """Send two requests, and return all bytes until the server closes the connection."""
    app = application(providers.Singleton(_Streams))
    url = URL(await app.listen(0))
    reader, writer = await asyncio.open_connection(url.host, url.port)
    # The last request asks the server to close, in case an earlier answer keeps the connection.
    requests = [f"GET /streams/{path} HTTP/1.1", "GET / HTTP/1.1\r\nConnection: close"]
    writer.write("".join(f"{each}\r\nHost: x\r\n\r\n" for each in requests).encode())
    try:
        return await reader.read()
    finally:
        writer.close()
        await app.close()


async def test_stream_is_complete_when_the_handler_returns_it() -> None:
    answer = await _answer("returned")

    assert b"4\r\npart\r\n0\r\n\r\nHTTP/1.1 404" in answer


@pytest.mark.parametrize(
    ("path", "logged"), [("forgotten", RuntimeError), ("bug", KeyError), ("refused", RuntimeError)]
)
async def test_connection_is_closed_when_a_sent_response_cannot_be_completed(
    path: str, logged: type[Exception], caplog: pytest.LogCaptureFixture
) -> None:
    """The client would read a second response as the rest of the first one."""
    with caplog.at_level(logging.ERROR):
        answer = await _answer(path)

    assert (1, True) == (answer.count(b"HTTP/1.1"), answer.endswith(b"4\r\npart\r\n"))
    assert [logged] == [line.exc_info[0] for line in caplog.records if line.exc_info]
