"""Exception filters, which turn an error into an answer for the client."""

from collections.abc import Awaitable
from typing import Any, Protocol, runtime_checkable

import structlog

from app.framework.common.context import ExecutionContext
from app.framework.common.exceptions import WsException, WsInternalError
from app.framework.common.http_exceptions import HttpException, as_http_exception

_log = structlog.stdlib.get_logger("WsExceptionsHandler")
_http_log = structlog.stdlib.get_logger("ExceptionsHandler")


@runtime_checkable
class ExceptionFilter(Protocol):
    """An exception filter. The decorator ``catch`` names the exceptions that the filter handles.

    The method ``catch`` may annotate ``exception`` with the class that the decorator names.

    To answer an event, a filter calls the ack or emits an event. If the filter raises, the error is
    logged and the client gets no answer. To answer a request, a filter calls ``json`` or ``send``
    of the response. Without such a call, the client gets the status 500.
    """

    def catch(self, exception: Any, host: ExecutionContext) -> Awaitable[None] | None:
        """Answer the client; may be async. The socket's next event waits until this ends."""


class BaseWsExceptionFilter:
    """The default filter: sends a `WsException`; logs any other error and sends ``internal``.

    If the client waits for an ack, the error is sent in the ack only, unlike in Nest. Without an
    ack, or after the ack was sent, the error is sent as Nest's ``exception`` event.

    If the error is temporary and the socket is still connecting, the connection is closed in a way
    that makes the client reconnect: see `Socket.close_transport`.

    Args:
        include_cause: Whether the ``exception`` event contains the client's event as ``cause``.
    """

    def __init__(self, *, include_cause: bool = True) -> None:
        self._include_cause = include_cause

    def catch(self, exception: Any, host: ExecutionContext) -> None:
        """Send the error to the client; log it first unless it is a `WsException`.

        If this filter is global, it also runs for requests to controllers. It then passes the error
        to `BaseExceptionFilter`.
        """
        if host.get_type() == "http":
            BaseExceptionFilter().catch(exception, host)
            return
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
        """Send the error in the ack if the client waits for one, else as ``exception`` event."""
        ack = host.get_ack()
        if ack is None or ack(error.to_ack()) is False:
            cause = self.cause_of(host) if self._include_cause else None
            host.get_client().emit("exception", error.to_event(cause))
        if host.is_connection and error.temporary:
            host.get_client().close_transport()

    def cause_of(self, host: ExecutionContext) -> dict[str, object]:
        """Return the event as ``{pattern, data}``. Override this to replace the ``cause``."""
        cause: dict[str, object] = {"pattern": host.get_pattern()}
        if host.get_data() is not None:
            cause["data"] = host.get_data()
        return cause


class BaseExceptionFilter:
    """The default filter of controllers: sends an `HttpException`; logs other errors and sends 500.

    The error of a gateway's event is passed to `BaseWsExceptionFilter`.
    """

    def catch(self, exception: Any, host: ExecutionContext) -> None:
        """Answer with Nest's error body; log the error first unless it is an `HttpException`."""
        if host.get_type() != "http":
            BaseWsExceptionFilter().catch(exception, host)
            return
        error = as_http_exception(exception)
        if not isinstance(error, HttpException):
            _http_log.error(
                "unexpected error",
                exc_info=error,
                request_id=host.request_id,
                route=host.log_name,
            )
            error = HttpException("Internal server error", 500)
        response = host.switch_to_http().get_response()
        response.status(error.get_status()).json(error.to_body())
