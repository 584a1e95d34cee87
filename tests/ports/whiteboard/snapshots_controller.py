"""The snapshots of boards, as PNG pictures."""

from typing import Annotated

from app.framework import Param, RawBody, body_limit, controller, get, header, http_code, put
from app.framework.throttler import skip_throttle
from tests.ports.whiteboard.board_pipe import BoardPipe
from tests.ports.whiteboard.boards import Board


@controller("boards/{board}/snapshot")
@skip_throttle({"burst": True})
class SnapshotsController:
    """``GET`` and ``PUT /boards/{board}/snapshot``."""

    @get()
    @header("Content-Type", "image/png")
    @header("Cache-Control", "no-store")
    def read(self, board: Annotated[Board, Param("board", BoardPipe)]) -> bytes:
        return board.snapshot

    @put()
    @body_limit(100)
    @http_code(204)
    def write(
        self,
        board: Annotated[Board, Param("board", BoardPipe)],
        data: Annotated[bytes, RawBody()],
    ) -> None:
        board.snapshot = data
