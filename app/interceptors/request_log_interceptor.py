"""Names each event in the logs."""

import logging
from typing import Any

import structlog

from app.framework import CallHandler, ExecutionContext, NestInterceptor
from app.observability.current_event import current_event

_NAME = "RequestLogInterceptor"
_log = structlog.stdlib.get_logger(_NAME)
_is_heard = logging.getLogger(_NAME).isEnabledFor  # structlog takes 2 µs to find out


class RequestLogInterceptor(NestInterceptor):
    """Lets whatever is logged while the event is handled bear request id, event, socket, user."""

    async def intercept(self, context: ExecutionContext, call_handler: CallHandler) -> Any:
        """The handler's result, unchanged."""
        before = current_event.set(context)
        try:
            result = await call_handler.handle()
            if _is_heard(logging.DEBUG):
                _log.debug("event handled")
        finally:
            current_event.reset(before)
        return result
