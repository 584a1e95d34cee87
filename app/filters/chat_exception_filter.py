"""Converts every error to an answer for the client and a log line."""

from logging import DEBUG, INFO, WARNING
from random import randrange

import structlog

from app.domain.errors import AuthenticationCode, AuthenticationError, ChatError
from app.domain.events import SECRET_EVENTS, ServerEvent
from app.framework import (
    BaseWsExceptionFilter,
    ExecutionContext,
    WsException,
    WsTooManyRequests,
    catch,
)
from app.framework.common.log_text import log_text
from app.framework.common.minute_log import MinuteLog
from app.ports import Clock
from app.services.authentication_service import client_network
from app.sockets.authenticated_socket import AuthenticatedSocket, error_notice

_log = structlog.stdlib.get_logger("ChatExceptionFilter")

_REFUSED = "authentication failed"

_RETRY_AFTER_MS = (1_000, 5_000)
"""The range of the random retry time after a temporary rejection without ``retryAfterMs``.

The time is random, so that clients that were rejected together retry at different times.
"""

_HINTS = {
    AuthenticationCode.TOO_MANY_ATTEMPTS.value: (
        "RATE_LIMIT_CONNECTS_PER_MINUTE and RATE_LIMIT_FAILED_AUTH_PER_MINUTE are the limits of an "
        "address; behind a proxy set TRUSTED_PROXIES"
    ),
    AuthenticationCode.ADDRESS_FULL.value: (
        "MAX_SOCKETS_PER_ADDRESS is the limit; behind a proxy set TRUSTED_PROXIES"
    ),
    AuthenticationCode.NODE_FULL.value: "MAX_SOCKETS is the limit; start another node",
}
"""What operators can do about a temporary refusal, by its code."""

_ENDING = frozenset({AuthenticationCode.REVOKED, AuthenticationCode.SUBJECT_CHANGED})
"""The codes that disconnect a socket; after other codes the client may refresh its token."""


@catch()
class ChatExceptionFilter(BaseWsExceptionFilter):
    """Converts domain errors to `WsException`, rejects connections that fail, and logs errors.

    Any error while a client connects rejects the connection, so authentication fails closed. A
    client that is rejected for a temporary reason retries by itself, so for each code and address
    a warning is logged at most once a minute.
    """

    def __init__(self, clock: Clock, *, refuse_with_connect_error: bool) -> None:
        super().__init__()
        self._refuse_with_connect_error = refuse_with_connect_error
        self._temporary_refusals = MinuteLog(_log_temporary_refusals, clock.call_later)

    def catch(self, exception: Exception, host: ExecutionContext) -> None:
        """Send the error in the ack or as ``exception``, or reject a client that is connecting.

        Requests to controllers get the error body of `BaseExceptionFilter`.
        """
        if host.get_type() == "http":
            super().catch(exception, host)
            return
        super().catch(_ws_exception(exception), host)
        if isinstance(exception, AuthenticationError) and exception.code in _ENDING:
            client: AuthenticatedSocket = host.get_client()
            if not host.is_connection and client.connected:
                client.end_session(exception)

    def answer(self, error: WsException, host: ExecutionContext) -> None:
        """Send the error to the client, and log the error without the payload."""
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
            address = client.handshake.address
            level = DEBUG if error.temporary else WARNING
            _log.log(level, "connection refused", address=address, **context)
            if error.temporary:
                self._temporary_refusals.count(error.code, client_network(address))
            self._refuse(error, client)
        else:
            level = DEBUG if error.code == WsTooManyRequests.code else INFO
            _log.log(level, "event refused", pattern=host.log_name, **context)
            super().answer(error, host)

    def cause_of(self, host: ExecutionContext) -> dict[str, object]:
        """Return the event's name, and its payload unless the payload is a secret."""
        if host.get_pattern() in SECRET_EVENTS:
            return {"pattern": host.get_pattern()}
        return super().cause_of(host)

    def _refuse(self, error: WsException, client: AuthenticatedSocket) -> None:
        message = error.message if "detail" in error.details else _REFUSED
        detail = str(error.details.get("detail", error.message))
        if error.temporary and self._refuse_with_connect_error:
            client.close_transport(answer_connect=False)
        elif error.temporary:
            retry_after_ms = error.details.get("retryAfterMs") or randrange(*_RETRY_AFTER_MS)  # noqa: S311 - spreads clients, no secret
            retry = {"temporary": True, "retryAfterMs": retry_after_ms}
            client.emit(ServerEvent.ERROR, {**error_notice(message, error.code, detail), **retry})
            client.close_transport()
        elif self._refuse_with_connect_error:
            client.refuse(message.capitalize(), {"code": error.code, "detail": detail})
        else:
            client.emit(ServerEvent.ERROR, error_notice(message, error.code, detail))
            client.disconnect(close=True)


def _log_temporary_refusals(code: str, address: str, times: int) -> None:
    hint = {"hint": _HINTS[code]} if code in _HINTS else {}
    _log.warning("connections refused for now", code=code, address=address, times=times, **hint)


def _ws_exception(exception: Exception) -> Exception:
    """Convert a domain error to a `WsException` caused by it; return other errors unchanged."""
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
