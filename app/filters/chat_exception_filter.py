"""The one place where an error becomes an answer, and a line in the log."""

from logging import DEBUG, INFO, WARNING

import structlog

from app.domain.errors import AuthenticationCode, AuthenticationError, ChatError
from app.domain.events import SECRET_EVENTS
from app.framework import (
    BaseWsExceptionFilter,
    ExecutionContext,
    WsException,
    WsTooManyRequests,
    catch,
)
from app.framework.log_text import log_text
from app.sockets.authenticated_socket import AuthenticatedSocket, error_notice

_log = structlog.stdlib.get_logger("ChatExceptionFilter")

_REFUSED = "authentication failed"

_FLOODS = frozenset({AuthenticationCode.TOO_MANY_ATTEMPTS, WsTooManyRequests.code})
"""Refusals that come by the thousand from whoever causes them: no flood of lines for those."""

_ENDING = frozenset({AuthenticationCode.REVOKED, AuthenticationCode.SUBJECT_CHANGED})
"""What a socket does not survive; until it has expired it may try another token."""


@catch()
class ChatExceptionFilter(BaseWsExceptionFilter):
    """Gives domain errors the framework's shape, refuses connections the configured way, logs both.

    A connection is refused whatever was raised, so authentication fails closed.
    """

    def __init__(self, *, refuse_with_connect_error: bool) -> None:
        super().__init__()
        self._refuse_with_connect_error = refuse_with_connect_error

    def catch(self, exception: Exception, host: ExecutionContext) -> None:
        """Answer the ack, else emit ``exception``; a connection gets ``error`` and an end."""
        super().catch(_ws_exception(exception), host)
        if isinstance(exception, AuthenticationError) and exception.code in _ENDING:
            client: AuthenticatedSocket = host.get_client()
            if not host.is_connection and client.connected:
                client.end_session(exception)

    def answer(self, error: WsException, host: ExecutionContext) -> None:
        """Log it, without what the client sent, and tell the client."""
        client: AuthenticatedSocket = host.get_client()
        context: dict[str, str | int | None] = {
            "code": error.code,
            "request_id": host.request_id,
            "socket_id": client.id,
            "user_id": None if client.session is None else client.user_id,
        }
        cause = error.__cause__
        if isinstance(cause, AuthenticationError):
            for name, value in cause.claims.items():
                context[name] = None if value is None else log_text(value)
            if cause.failures is not None:
                context["failures"] = cause.failures
        if host.is_connection:
            level = DEBUG if error.code in _FLOODS else WARNING
            _log.log(level, "connection refused", address=client.handshake.address, **context)
            self._refuse(error, client)
        else:
            level = DEBUG if error.code in _FLOODS else INFO
            _log.log(level, "event refused", pattern=host.log_name, **context)
            super().answer(error, host)

    def cause_of(self, host: ExecutionContext) -> dict[str, object]:
        """The event's name, and its payload unless that is a secret."""
        if host.get_pattern() in SECRET_EVENTS:
            return {"pattern": host.get_pattern()}
        return super().cause_of(host)

    def _refuse(self, error: WsException, client: AuthenticatedSocket) -> None:
        message = error.message if "detail" in error.details else _REFUSED
        detail = str(error.details.get("detail", error.message))
        if self._refuse_with_connect_error:
            client.refuse(message.capitalize(), {"code": error.code, "detail": detail})
        else:
            client.emit("error", error_notice(message, error.code, detail))
            client.disconnect(close=True)


def _ws_exception(exception: Exception) -> Exception:
    """A domain error in the framework's shape, its cause behind it; any other as it is."""
    if not isinstance(exception, ChatError):
        return exception
    error = WsException(
        exception.message if isinstance(exception, AuthenticationError) else str(exception),
        code=str(exception.code),
        temporary=exception.temporary,
        details=exception.details,
    )
    error.__cause__ = exception
    return error
