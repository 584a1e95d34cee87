"""`BoardPipe` converts a board's name, from the namespace or the request's path, to the board.

`EditorGuard` admits editors only.
"""

from app.framework import (
    ArgumentMetadata,
    CanActivate,
    ExecutionContext,
    NotFoundException,
    PipeTransform,
    Socket,
    create_param_decorator,
)
from tests.ports.whiteboard.boards import Board, BoardService

BoardName = create_param_decorator(
    lambda _, context: context.switch_to_ws().get_client().nsp.params["board"]
)


class BoardPipe(PipeTransform):
    """Converts a name to the board. Creates a missing board for a namespace, not for a path."""

    precedes_validation = True

    def __init__(self, boards: BoardService) -> None:
        self._boards = boards

    def transform(self, value: str, metadata: ArgumentMetadata) -> Board:
        if metadata.type == "custom":
            return self._boards.open(value)
        board = self._boards.find(value)
        if board is None:
            raise NotFoundException(f"There is no board {value}")
        return board


class EditorGuard(CanActivate):
    """Admits editors, who connect with ``io(url, { query: { role: 'editor' } })``."""

    def can_activate(self, context: ExecutionContext) -> bool:
        client: Socket = context.switch_to_ws().get_client()
        return client.handshake.query.get("role") == "editor"
