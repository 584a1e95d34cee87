"""Exception filters: how an error becomes an answer."""

from collections.abc import Awaitable
from typing import Protocol, runtime_checkable

import structlog

from app.framework.common.context import ExecutionContext
from app.framework.common.exceptions import WsException, WsInternalError

_log = structlog.stdlib.get_logger("WsExceptionsHandler")


@runtime_checkable
class ExceptionFilter(Protocol):
    """A filter; `decorators.catch` says which exceptions it takes.

    It answers by itself (ack or emit); an error that it raises is logged and nothing is sent.
    """

    def catch(self, exception: Exception, host: ExecutionContext) -> Awaitable[None] | None:
        """Answer the client. May be async: it is awaited before the next event of the socket."""


class BaseWsExceptionFilter:
    """The default: a `WsException` is told, anything else is logged and told as ``internal``.

    Unlike Nest's, a client that asked for an ack gets the error there, and only there; without
    an ack it gets Nest's ``exception`` event; without ``include_cause``, the payload is not in it.

    A socket that is refused for a temporary error reconnects by itself: see
    `Socket.close_transport`.
    """

    def __init__(self, *, include_cause: bool = True) -> None:
        self._include_cause = include_cause

    def catch(self, exception: Exception, host: ExecutionContext) -> None:
        """Answer the client."""
        if not isinstance(exception, WsException):
            _log.error(
                "unexpected error",
                exc_info=exception,
                request_id=host.request_id,
                pattern=host.log_name,
                socket_id=host.get_client().id,
            )
            exception = WsInternalError()
        self.answer(exception, host)

    def answer(self, error: WsException, host: ExecutionContext) -> None:
        """Put the error into the ack if there is one, else into an ``exception`` event."""
        ack = host.get_ack()
        if ack is not None:
            ack(error.to_ack())
        else:
            cause = self.cause_of(host) if self._include_cause else None
            host.get_client().emit("exception", error.to_event(cause))
        if host.is_connection and error.temporary:
            host.get_client().close_transport()

    def cause_of(self, host: ExecutionContext) -> dict[str, object]:
        """Which event it was, ``{pattern, data}``; Nest's ``causeFactory``, to be overridden."""
        cause: dict[str, object] = {"pattern": host.get_pattern()}
        if host.get_data() is not None:
            cause["data"] = host.get_data()
        return cause
