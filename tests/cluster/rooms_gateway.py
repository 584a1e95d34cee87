"""A gateway with the events of ``js/driver.mjs``."""

import asyncio
from typing import Any

from app.framework import (
    Server,
    Socket,
    WebSocketServer,
    subscribe_message,
    web_socket_gateway,
)


@web_socket_gateway(cors=True, max_attachments=4)
class RoomsGateway:
    """Lets clients join rooms. Events of other nodes are answered or stored in ``news``."""

    server = WebSocketServer()

    def __init__(self) -> None:
        self.news: asyncio.Queue[tuple[Any, ...]] = asyncio.Queue()

    def after_init(self, server: Server) -> None:
        server.on("news", lambda *args: self.news.put_nowait(args))
        server.on("question", self.answer)

    async def answer(self, text: str, ack: Any) -> None:
        ack(f"{text} from Python")

    def handle_connection(self, client: Socket) -> None:
        client.data["name"] = client.handshake.auth["name"]

    @subscribe_message("join")
    async def join(self, client: Socket, room: str) -> str:
        await client.join(room)
        return "joined"


@web_socket_gateway(namespace="admin", cors=True)
class AdminGateway:
    """A second namespace."""

    server = WebSocketServer()

    @subscribe_message("join")
    async def join(self, client: Socket, room: str) -> str:
        await client.join(room)
        return "joined"
