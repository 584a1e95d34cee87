"""Nest's ``WsExceptionsHandler``: calls the filter that answers the client after an error."""

from collections.abc import Callable, Coroutine
from typing import TYPE_CHECKING, Any

import structlog

from app.framework.common.awaiting import maybe_await
from app.framework.common.context import ExecutionContext
from app.framework.common.decorators import CATCH
from app.framework.common.exceptions import WsTooManyRequests
from app.framework.common.filters import BaseWsExceptionFilter, ExceptionFilter
from app.framework.common.metadata import get_metadata

if TYPE_CHECKING:
    from app.framework.websockets.socket import Socket

ErrorHandler = Callable[[Exception, ExecutionContext], Coroutine[Any, Any, None]]
"""Created by `compile_filters`; sends an error to the client, raises only `CancelledError`."""

_log = structlog.stdlib.get_logger("WsExceptionsHandler")


def compile_filters(
    filters: tuple[ExceptionFilter, ...], default: ExceptionFilter | None = None
) -> ErrorHandler:
    """Return a handler that calls the first filter that catches the error.

    If no filter catches it, ``default`` is called, or a `BaseWsExceptionFilter` if ``default`` is
    None.
    """
    candidates = [(get_metadata(type(each), CATCH) or (Exception,), each.catch) for each in filters]
    candidates.append(((Exception,), (default or BaseWsExceptionFilter()).catch))

    async def on_error(error: Exception, context: ExecutionContext) -> None:
        catch = next(catch for types, catch in candidates if isinstance(error, types))
        try:
            pending = catch(error, context)
            if pending is not None:
                await maybe_await(pending)
        except Exception:  # noqa: BLE001 - no filter handles the error of a filter
            _log.exception(
                "exception filter failed",
                request_id=context.request_id,
                pattern=context.log_name,
            )

    return on_error


async def pause_if_rate_limited(client: "Socket", error: Exception) -> None:
    """After `WsTooManyRequests`, pause the client's events for the error's ``retry_after_ms``."""
    if isinstance(error, WsTooManyRequests):
        await client.pause_events(error.retry_after_ms / 1000)
