"""Sends violations of the rules to the client."""

from app.framework import BaseWsExceptionFilter, ExecutionContext, WsException, catch
from tests.ports.game.match import IllegalMove


@catch(IllegalMove)
class IllegalMoveFilter(BaseWsExceptionFilter):
    """Answers an illegal move with the code ``illegal_move``."""

    def catch(self, exception: Exception, host: ExecutionContext) -> None:
        super().catch(WsException(str(exception), code="illegal_move"), host)
