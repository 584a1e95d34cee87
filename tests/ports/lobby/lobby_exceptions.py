"""The errors of lobbies, and the filter that sends them to the players."""

from app.framework import BaseWsExceptionFilter, ExecutionContext, WsException, catch


class LobbyError(Exception):
    """A request of a player that the rules do not allow.

    Attributes:
        code: A stable code for clients.
    """

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = code


@catch(LobbyError)
class LobbyExceptionFilter(BaseWsExceptionFilter):
    """Sends a `LobbyError` with its code."""

    def catch(self, exception: LobbyError, host: ExecutionContext) -> None:
        super().catch(WsException(str(exception), code=exception.code), host)
