"""Previews for readers, whose namespaces match a regular expression."""

import re

from app.framework import Socket, WebSocketServer, web_socket_gateway
from app.framework.event_emitter import on_event
from tests.ports.whiteboard.boards import Board, BoardService


@web_socket_gateway(namespace=re.compile(r"/previews/(?P<board>[a-z-]+)"))
class PreviewGateway:
    """Publishes a summary of a board whenever the board changes. Readers send no events."""

    server = WebSocketServer()

    def __init__(self, boards: BoardService) -> None:
        self._boards = boards

    async def handle_connection(self, client: Socket) -> None:
        await client.join(client.nsp.params["board"])

    @on_event("board.changed")
    def publish(self, board: Board) -> None:
        self.server.to(board.name).emit("preview", self._boards.summary(board))
