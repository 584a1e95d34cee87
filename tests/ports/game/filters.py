"""Translates errors of the rules for the client."""

from app.framework import BaseWsExceptionFilter, ExecutionContext, WsException, catch
from tests.ports.game.match import IllegalMove


@catch(IllegalMove)
class IllegalMoveFilter(BaseWsExceptionFilter):
    """Answers an illegal move."""

    def catch(self, exception: Exception, host: ExecutionContext) -> None:
        super().catch(WsException(str(exception), code="illegal_move"), host)
