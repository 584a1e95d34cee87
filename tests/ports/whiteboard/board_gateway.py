"""The events of a board. Each board is a namespace."""

from collections.abc import AsyncIterator
from typing import Annotated, Any
from uuid import UUID

from app.framework import (
    ConnectedSocket,
    MessageBody,
    ParseArrayPipe,
    ParseUUIDPipe,
    Socket,
    WebSocketServer,
    WsException,
    WsResponse,
    subscribe_message,
    use_guards,
    web_socket_gateway,
)
from app.framework.event_emitter import on_event
from app.framework.throttler import skip_throttle, throttle
from tests.ports.whiteboard.board_pipe import BoardName, BoardPipe, EditorGuard
from tests.ports.whiteboard.boards import Board, BoardService
from tests.ports.whiteboard.shapes import Event, Line, Note, Shape, Summary

Client = Annotated[Socket, ConnectedSocket()]
CurrentBoard = Annotated[Board, BoardName(BoardPipe)]


@web_socket_gateway(namespace="/boards/:board", max_attachments=1, max_frame_bytes=20_000)
class BoardGateway:
    """Handles the events of the clients of a board."""

    server = WebSocketServer()

    def __init__(self, boards: BoardService) -> None:
        self._boards = boards

    async def handle_connection(self, client: Socket) -> None:
        client.on(Event.LASER, lambda at: client.broadcast.volatile.emit(Event.LASER, at))
        client.once("hello", lambda name, ack: self._greet(client, name, ack))
        client.nsp.emit("editors", len(client.nsp.sockets))

    async def handle_disconnect(self, client: Socket, reason: str) -> None:
        client.nsp.emit("left", {"name": client.data.get("name", client.id), "reason": reason})

    @subscribe_message(Event.DRAW)
    @use_guards(EditorGuard)
    @throttle({"burst": {"limit": 5}})
    async def draw(
        self, client: Client, board: CurrentBoard, shape: Annotated[Shape, MessageBody()]
    ) -> UUID:
        self._boards.draw(board, shape)
        client.broadcast.emit(Event.DRAW, shape)
        return shape.id

    @subscribe_message(Event.ERASE)
    @use_guards(EditorGuard)
    def erase(
        self,
        client: Client,
        board: CurrentBoard,
        ids: Annotated[list[UUID], MessageBody(ParseArrayPipe(items=UUID))],
    ) -> set[UUID]:
        erased = self._boards.erase(board, ids, client.id)
        client.nsp.except_(client.id).emit(Event.ERASE, erased)
        return set(erased)

    @subscribe_message(Event.LOCK)
    @use_guards(EditorGuard)
    def lock(
        self,
        client: Client,
        board: CurrentBoard,
        shape: Annotated[UUID, MessageBody("id", ParseUUIDPipe())],
        seconds: Annotated[int, MessageBody("seconds")] = 30,
    ) -> bool | WsException:
        return self._boards.lock(board, shape, client.id, seconds)

    @subscribe_message(Event.PICTURE)
    @use_guards(EditorGuard)
    def picture(
        self,
        client: Client,
        board: CurrentBoard,
        data: Annotated[bytes, MessageBody("data")],
        name: Annotated[str, MessageBody("name")] = "picture",
    ) -> dict[str, Any]:
        board.snapshot = data
        client.broadcast.emit(Event.PICTURE, {"name": name, "data": data})
        return {"name": name, "size": len(data), "head": data[:4]}

    @subscribe_message(Event.REPLAY)
    async def replay(self, board: CurrentBoard) -> AsyncIterator[WsResponse[Line | Note]]:
        for shape in list(board.shapes.values()):
            yield WsResponse(Event.REPLAY, shape)

    @subscribe_message(Event.CURSOR)
    @skip_throttle({"burst": True})
    def cursor(self, client: Socket, at: list[float]) -> None:
        client.broadcast.volatile.emit(Event.CURSOR, {"id": client.id, "at": at})

    @subscribe_message(Event.SUMMARY)
    def summary(self, board: CurrentBoard) -> Summary:
        return self._boards.summary(board)

    @on_event("lock.expired")
    def unlock(self, board: Board, shape: UUID) -> None:
        self.server.of(f"boards/{board.name}").emit("unlocked", shape)

    async def _greet(self, client: Socket, name: str, ack: Any) -> None:
        client.data["name"] = name
        handshake = client.handshake
        ack({"board": client.nsp.name, "url": handshake.url, "browser": handshake.xdomain})
