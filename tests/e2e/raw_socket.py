"""A WebSocket without a Socket.IO client, for frames that a client library does not send."""

import asyncio
import json
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager

from aiohttp import ClientSession, ClientWebSocketResponse, WSMsgType

from tests.deadlines import ANSWER_SECONDS
from tests.e2e.server_process import ServerProcess

PATH = "/socket.io/"
QUERY = {"EIO": "4", "transport": "websocket"}


class RawSocket:
    """Sends and receives single frames."""

    def __init__(self, websocket: ClientWebSocketResponse) -> None:
        self._websocket = websocket

    async def send(self, frame: str) -> None:
        await self._websocket.send_str(frame)

    async def connect(self, token: str) -> str:
        await self.send(f"40{json.dumps({'token': token})}")
        return await self.receive()

    async def receive(self) -> str:
        async with asyncio.timeout(ANSWER_SECONDS):
            message = await self._websocket.receive()
        assert message.type is WSMsgType.TEXT, message
        return str(message.data)

    async def closed(self) -> tuple[list[str], int | None]:
        """Wait for the end of the connection; return its last text frames and the close code."""
        async with asyncio.timeout(ANSWER_SECONDS):
            frames = [str(message.data) async for message in self._websocket]
        return frames, self._websocket.close_code


@asynccontextmanager
async def raw_socket(
    server: ServerProcess, headers: Mapping[str, str] | None = None
) -> AsyncIterator[RawSocket]:
    """Open a connection after the Engine.IO handshake, without sending CONNECT."""
    async with (
        ClientSession() as http,
        http.ws_connect(f"{server.url}{PATH}", params=QUERY, headers=headers) as websocket,
    ):
        socket = RawSocket(websocket)
        assert (await socket.receive()).startswith("0")
        yield socket
