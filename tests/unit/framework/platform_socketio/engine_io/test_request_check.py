"""Tests app/framework/platform_socketio/engine_io/request_check.py, on a server that listens."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from importlib import import_module
from typing import Any

import pytest
from aiohttp import ClientSession, web
from dependency_injector import containers, providers
from structlog.testing import capture_logs

from app.framework import (
    AllowRequest,
    BootError,
    EngineOptions,
    IoAdapter,
    IoOptions,
    NestFactory,
    WsException,
    subscribe_message,
    web_socket_gateway,
)
from app.framework.platform_socketio.engine_io.request_check import RequestCheck
from app.framework.platform_socketio.engine_io.server import EngineServer
from tests.deadlines import ANSWER_SECONDS
from tests.unit.framework.platform_socketio import client_frames

socketio = import_module("socketio")
"""The client library, imported without types: ``typings`` describes only its server."""

QUERY = {"EIO": "4", "transport": "websocket"}
UPGRADE = {
    "Connection": "Upgrade",
    "Upgrade": "websocket",
    "Sec-WebSocket-Version": "13",
    "Sec-WebSocket-Key": "AAAAAAAAAAAAAAAAAAAAAA==",
}
FORBIDDEN = (403, {"code": 4, "message": "Forbidden"})


@web_socket_gateway()
class _Gateway:
    @subscribe_message("double")
    def double(self, client: object, number: int) -> int:
        del client
        return 2 * number


class _Module(containers.DeclarativeContainer):
    gateway = providers.Singleton(_Gateway)


class _Server:
    """A listening server that calls the test's ``allow_request``."""

    def __init__(self, url: str, adapter: IoAdapter) -> None:
        self.url = url
        self.adapter = adapter
        (server,) = adapter._servers.values()
        self.eio: EngineServer[Any] = server.eio

    async def answer(self) -> tuple[int, Any]:
        """Send an upgrade request, and return the status and the body of the answer."""
        async with (
            ClientSession() as http,
            http.get(f"{self.url}/socket.io/", params=QUERY, headers=UPGRADE) as response,
        ):
            return response.status, await response.json() if response.status != 101 else None

    async def raw(self, *after: bytes) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        """Send an upgrade request and bytes that follow it immediately."""
        host, port = self.url.removeprefix("http://").split(":")
        reader, writer = await asyncio.open_connection(host, int(port))
        head = [f"GET /socket.io/?EIO=4&transport=websocket HTTP/1.1\r\nHost: {host}"]
        head += [f"{name}: {value}" for name, value in UPGRADE.items()]
        writer.write("\r\n".join([*head, "", ""]).encode() + b"".join(after))
        return reader, writer

    def connecting(self) -> int:
        """Return the number of connections that the limit counts."""
        return len(self.eio.admission_limiter._networks)


@asynccontextmanager
async def serving(allow_request: AllowRequest, **options: Any) -> AsyncIterator[_Server]:
    """Run a server with this ``allow_request``."""
    adapter = IoAdapter(IoOptions(engine=EngineOptions(allow_request=allow_request, **options)))
    app = NestFactory.create(_Module(), adapter)
    url = await app.listen(0)
    try:
        yield _Server(url, adapter)
    finally:
        await app.close()


async def _later(verdict: Any) -> Any:
    await asyncio.sleep(0)
    return verdict


async def test_client_works_when_the_request_is_allowed() -> None:
    """A Socket.IO client connects and sends events; the function sees its headers and its query."""

    async def has_key(request: web.Request) -> bool:
        await asyncio.sleep(0)
        return request.headers.get("X-API-Key") == "sesame" and request.query["room"] == "hall"

    async with serving(has_key) as server, ClientSession() as http:
        client = socketio.AsyncClient(reconnection=False, http_session=http)
        url = f"{server.url}?room=hall"
        await client.connect(url, headers={"X-API-Key": "sesame"}, transports=["websocket"])
        doubled = await client.call("double", 4)
        await client.disconnect()
        with pytest.raises(socketio.exceptions.ConnectionError):
            await client.connect(url, transports=["websocket"])

    assert 8 == doubled


@pytest.mark.parametrize("is_async", [False, True])
@pytest.mark.parametrize("verdict", [False, None, 1, "yes", [True]])
async def test_client_is_refused_when_the_result_is_not_true(
    verdict: Any, *, is_async: bool
) -> None:
    """A result that is not a bool is logged as a mistake."""

    def allow(request: web.Request) -> Any:
        del request
        return _later(verdict) if is_async else verdict

    async with serving(allow) as server:
        with capture_logs() as logs:
            answers = [await server.answer() for _ in range(2)]

        assert [FORBIDDEN] * 2 == answers
        assert 0 == server.connecting()
    logged = [] if verdict is False else ["allow_request must return True or False"]
    assert logged == [each["event"] for each in logs if each["log_level"] == "error"]


@pytest.mark.parametrize("is_async", [False, True])
async def test_client_is_refused_when_the_function_fails(*, is_async: bool) -> None:
    """The answer does not describe the error. The traceback is logged once a minute."""

    async def fail_later() -> bool:
        raise LookupError("secret")

    def allow(request: web.Request) -> Any:
        del request
        if is_async:
            return fail_later()
        raise LookupError("secret")

    async with serving(allow) as server:
        with capture_logs() as logs:
            answers = [await server.answer() for _ in range(2)]

    assert [FORBIDDEN] * 2 == answers
    assert [
        {
            "event": "allow_request failed",
            "log_level": "error",
            "subject": "LookupError",
            "times": 1,
            "exc_info": True,
        }
    ] == [each for each in logs if each["log_level"] == "error"]


async def test_client_gets_the_message_when_the_function_raises_one() -> None:
    """The error works like Socket.IO's ``callback("message", false)``."""

    def allow(request: web.Request) -> bool:
        del request
        raise WsException("an API key is required")

    async with serving(allow) as server:
        answer = await server.answer()

    assert (403, {"code": 4, "message": "an API key is required"}) == answer


async def test_client_is_refused_when_the_function_takes_too_long() -> None:
    """The function is cancelled at the time limit of connecting."""
    ended: list[bool] = []

    async def allow(request: web.Request) -> bool:
        del request
        try:
            await asyncio.Event().wait()
        finally:
            ended.append(True)
        return True

    async with serving(allow, connect_timeout_seconds=0.05) as server:
        with capture_logs() as logs:
            answer = await server.answer()

        assert 0 == server.connecting()
    assert (FORBIDDEN, [True]) == (answer, ended)
    assert ["allow_request took too long"] == [
        each["event"] for each in logs if each["log_level"] == "error"
    ]


async def test_client_counts_as_connecting_while_the_function_runs() -> None:
    """The limit per address applies, so that clients cannot fill the memory with open requests."""
    started, gate = asyncio.Event(), asyncio.Event()

    async def allow(request: web.Request) -> bool:
        del request
        started.set()
        await gate.wait()
        return False

    async with serving(allow) as server:
        answer = asyncio.create_task(server.answer())
        await started.wait()
        connecting = server.connecting()
        gate.set()

        assert (1, FORBIDDEN, 0) == (connecting, await answer, server.connecting())


async def test_client_is_refused_when_the_server_stops_while_the_function_runs() -> None:
    """No connection is accepted after the server has begun to stop."""
    started, gate = asyncio.Event(), asyncio.Event()

    async def allow(request: web.Request) -> bool:
        del request
        started.set()
        await gate.wait()
        return True

    async with serving(allow) as server:
        answer = asyncio.create_task(server.answer())
        await started.wait()
        server.eio.stop_accepting()
        gate.set()

        assert (503, {"code": 3, "message": "Server shutting down"}) == await answer
        assert (0, {}) == (server.connecting(), server.eio.sockets)


async def test_nothing_remains_when_the_client_leaves_while_the_function_runs() -> None:
    """The server drops the connection of a client that has left."""
    started = asyncio.Event()

    async def allow(request: web.Request) -> bool:
        started.set()
        async with asyncio.timeout(ANSWER_SECONDS):
            while request.transport is not None:  # noqa: ASYNC110 - aiohttp has no event for it
                await asyncio.sleep(0.01)
        return True

    async with serving(allow) as server:
        _, writer = await server.raw()
        await started.wait()
        connecting = server.connecting()
        writer.close()
        async with asyncio.timeout(ANSWER_SECONDS):
            while server.connecting():  # noqa: ASYNC110 - the server has no event for it
                await asyncio.sleep(0.01)

        assert (1, {}) == (connecting, server.eio.sockets)


async def test_frames_are_handled_when_they_come_before_the_answer() -> None:
    """Frames that a client sends while the function runs are handled afterwards."""

    async def allow(request: web.Request) -> bool:
        del request
        await asyncio.sleep(0.05)
        return True

    async with serving(allow) as server:
        frames = [client_frames.text(b"40"), client_frames.text(b'427["double",4]')]
        reader, writer = await server.raw(*frames)
        async with asyncio.timeout(ANSWER_SECONDS):
            received = await reader.readuntil(b"437[8]")
        writer.close()

    assert received.startswith(b"HTTP/1.1 101 ")


@pytest.mark.parametrize("allow_request", [True, "yes"])
def test_boot_fails_when_allow_request_is_no_function(allow_request: Any) -> None:
    with pytest.raises(BootError) as caught:
        RequestCheck(allow_request, 1.0)

    assert (
        f"EngineOptions.allow_request is {allow_request!r}; "
        "give it a function that takes the request and returns True or False"
    ) == str(caught.value)


def test_boot_fails_when_allow_request_is_a_generator() -> None:
    """The body of a generator function would never run."""

    def allow(request: web.Request) -> Any:
        yield request

    with pytest.raises(BootError, match=r"EngineOptions\.allow_request is <function .*allow"):
        RequestCheck(allow, 1.0)
