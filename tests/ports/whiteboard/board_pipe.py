"""Parameters of handlers: the board of a namespace or of a path, and the role of the client."""

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
    """Opens the board of a socket's namespace; finds that of a request."""

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
    """Lets only editors change a board: ``io(url, { query: { role: 'editor' } })``."""

    def can_activate(self, context: ExecutionContext) -> bool:
        client: Socket = context.switch_to_ws().get_client()
        return client.handshake.query.get("role") == "editor"
