"""Tests the limits of binary packets, with frames that a client library does not send."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Annotated, Any

import pytest
from aiohttp import ClientSession, ClientWebSocketResponse, WSMsgType
from dependency_injector import containers, providers

from app.framework import (
    ConnectedSocket,
    EngineOptions,
    IoAdapter,
    IoOptions,
    MessageBody,
    NestFactory,
    Socket,
    subscribe_message,
    web_socket_gateway,
)
from tests.deadlines import ANSWER_SECONDS

PLACEHOLDER = '{"_placeholder":true,"num":0}'
HEAD = f'451-1["size",{PLACEHOLDER}]'
PARSE_ERROR, TOO_BIG = 1002, 1009


@web_socket_gateway()
class _Gateway:
    def __init__(self) -> None:
        self.gate = asyncio.Event()
        self.gate.set()

    @subscribe_message("size")
    async def size(self, body: Annotated[Any, MessageBody()]) -> int:
        await self.gate.wait()
        return len(body)

    @subscribe_message("ask")
    async def ask(
        self, client: Annotated[Socket, ConnectedSocket()], body: Annotated[Any, MessageBody()]
    ) -> int:
        return len(await client.emit_with_ack("question", body, timeout_seconds=2))


class _Client:
    def __init__(self, socket: ClientWebSocketResponse, gateway: _Gateway) -> None:
        self.socket = socket
        self.gateway = gateway

    async def send(self, *frames: str | bytes) -> None:
        for frame in frames:
            if isinstance(frame, str):
                await self.socket.send_str(frame)
            else:
                await self.socket.send_bytes(frame)

    async def receive(self) -> str:
        async with asyncio.timeout(ANSWER_SECONDS):
            return str(await self.socket.receive_str())

    async def close_code(self) -> int | None:
        """Return the code with which the server closes the connection."""
        async with asyncio.timeout(ANSWER_SECONDS):
            message = await self.socket.receive()
        assert message.type is WSMsgType.CLOSE, message
        return self.socket.close_code


@asynccontextmanager
async def connected(**options: Any) -> AsyncIterator[_Client]:
    """Connect a client to a gateway; ``options`` are those of the server."""
    container = containers.DynamicContainer()
    container.gateway = providers.Singleton(_Gateway)
    options = {"max_attachments": 2, "max_frame_bytes": 200_000, **options}
    adapter = IoAdapter(IoOptions(engine=EngineOptions(**options)))
    app = NestFactory.create(container, adapter)
    url = await app.listen(0)
    try:
        async with (
            ClientSession() as http,
            http.ws_connect(f"{url}/socket.io/?EIO=4&transport=websocket") as socket,
        ):
            client = _Client(socket, container.gateway())
            await client.receive()
            await client.send("40")
            await client.receive()
            yield client
    finally:
        await app.close()


async def test_event_is_handled_when_its_last_attachment_has_arrived() -> None:
    """A pong may come before the attachment, and an event without attachments after it."""
    async with connected() as client:
        await client.send(HEAD, "3", b"x" * 9, '422["size","four"]')

        assert ["431[9]", "432[4]"] == [await client.receive(), await client.receive()]


async def test_event_is_handled_at_once_when_it_has_no_attachments() -> None:
    async with connected() as client:
        await client.send('450-1["size","four"]')

        assert "431[4]" == await client.receive()


async def test_events_are_handled_in_order_when_one_has_to_wait() -> None:
    """Binary events wait in the inbox; while it is full, the server does not read."""
    async with connected() as client:
        client.gateway.gate.clear()
        for size in range(3):
            await client.send(HEAD, b"x" * (90_000 + size), '42["size",""]')
        sockets = asyncio.create_task(client.receive())
        await asyncio.sleep(0.05)
        client.gateway.gate.set()

        answers = [await sockets, await client.receive(), await client.receive()]

    assert ["431[90000]", "431[90001]", "431[90002]"] == answers


@pytest.mark.parametrize(
    "answer", [(f"461-1[{PLACEHOLDER}]", b"four"), ('460-1["four"]',), ('431["four"]',)]
)
async def test_handler_gets_the_ack_when_it_waits_for_one(answer: tuple[str | bytes, ...]) -> None:
    """The ack must not wait in the inbox until the handler that awaits it has ended."""
    async with connected() as client:
        await client.send(f'451-7["ask",{PLACEHOLDER}]', b"what?")
        question = await client.receive()
        attachment = await client.socket.receive_bytes()
        await client.send(*answer)

        assert "437[4]" == await client.receive()
    assert (f'451-1["question",{PLACEHOLDER}]', b"what?") == (question, attachment)


@pytest.mark.parametrize(
    ("frames", "code"),
    [
        ((b"x",), PARSE_ERROR),
        ((HEAD, '42["size",""]'), PARSE_ERROR),
        ((HEAD, HEAD), PARSE_ERROR),
        ((HEAD.replace("451", "453"),), PARSE_ERROR),
        ((HEAD.replace("451", "4599999999"),), PARSE_ERROR),
        ((HEAD.replace('"num":0', '"num":1'), b"x"), PARSE_ERROR),
        ((HEAD.replace("451-", "451-/other,"), b"x"), PARSE_ERROR),
        ((HEAD, b"x" * 200_001), TOO_BIG),
        ((HEAD.replace("451", "452"), b"x" * 150_000, b"x" * 50_000), TOO_BIG),
    ],
)
async def test_connection_is_closed_when_a_packet_breaks_a_rule(
    frames: tuple[str | bytes, ...], code: int
) -> None:
    async with connected() as client:
        await client.send(*frames)

        assert code == await client.close_code()


@pytest.mark.parametrize("frames", [(b"x",), (HEAD, b"x"), ('450-["size",""]',)])
async def test_connection_is_closed_when_the_gateway_allows_no_attachments(
    frames: tuple[str | bytes, ...],
) -> None:
    """By default, a gateway allows no attachments."""
    async with connected(max_attachments=0) as client:
        await client.send(*frames)

        assert PARSE_ERROR == await client.close_code()
