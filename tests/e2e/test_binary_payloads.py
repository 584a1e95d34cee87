"""Tests binary payloads of a gateway with the real JavaScript client."""

import asyncio
import json
from asyncio.subprocess import PIPE
from pathlib import Path
from typing import Annotated, Any

from dependency_injector import containers, providers

from app.framework import (
    ConnectedSocket,
    IoAdapter,
    IoOptions,
    MessageBody,
    NestFactory,
    Server,
    Socket,
    WebSocketServer,
    subscribe_message,
    web_socket_gateway,
)
from tests.deadlines import PROCESS_SECONDS

JS = Path(__file__).parent / "js"


@web_socket_gateway(namespace="files", max_attachments=3)
class _FilesGateway:
    server = WebSocketServer()

    def handle_connection(self, client: Socket) -> None:
        client.emit("welcome", b"hi")

    @subscribe_message("echo")
    def echo(self, payload: Annotated[Any, MessageBody()]) -> Any:
        return {"kind": type(payload).__name__, "payload": payload}

    @subscribe_message("share")
    async def share(
        self, client: Annotated[Socket, ConnectedSocket()], payload: Annotated[bytes, MessageBody()]
    ) -> bytes:
        server: Server = self.server
        server.emit("shared", {"by": client.id, "file": payload}, b"x")
        client.emit("own", payload)
        return payload


class _FilesModule(containers.DeclarativeContainer):
    gateway = providers.Singleton(_FilesGateway)


def _buffer(data: bytes) -> dict[str, Any]:
    """Return a Buffer as the client prints it."""
    return {"type": "Buffer", "data": [*data]}


async def test_client_sends_and_receives_bytes_when_the_gateway_allows_them() -> None:
    """Bytes travel in events, acks and broadcasts, also to a client that is being admitted."""
    app = NestFactory.create(_FilesModule(), IoAdapter(IoOptions()))
    url = await app.listen(0)
    try:
        node = await asyncio.create_subprocess_exec(
            "node", "binary.mjs", url, cwd=JS, stdout=PIPE, stderr=PIPE
        )
        async with asyncio.timeout(PROCESS_SECONDS):
            printed, errors = await node.communicate()
    finally:
        await app.close()

    assert b"" == errors
    result = json.loads(printed)
    parts = [_buffer(b"one"), _buffer(b"two")]
    assert [
        {"kind": "bytes", "payload": _buffer(b"\x00\xff")},
        {"kind": "dict", "payload": {"name": "a", "parts": parts, "empty": _buffer(b"")}},
        {"kind": "bytes", "payload": _buffer(b"\x07")},
        {"kind": "str", "payload": "text"},
        _buffer(b"shared"),
    ] == result["acks"]
    (welcome, shared, own) = result["events"]
    assert ["welcome", _buffer(b"hi")] == welcome
    assert (["shared", "own"], _buffer(b"shared")) == ([shared[0], own[0]], own[1])
    assert (_buffer(b"shared"), _buffer(b"x")) == (shared[1]["file"], shared[2])
    assert "transport close" == result["reason"]
