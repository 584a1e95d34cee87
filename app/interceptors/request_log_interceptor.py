"""Names each event in the logs."""

from typing import Any

import structlog

from app.framework import CallHandler, ExecutionContext, NestInterceptor
from app.sockets.authenticated_socket import AuthenticatedSocket

_log = structlog.stdlib.get_logger("RequestLogInterceptor")


class RequestLogInterceptor(NestInterceptor):
    """Binds request id, event, socket and user to whatever is logged while the event is handled."""

    async def intercept(self, context: ExecutionContext, call_handler: CallHandler) -> Any:
        """The handler's result, unchanged."""
        client: AuthenticatedSocket = context.switch_to_ws().get_client()
        with structlog.contextvars.bound_contextvars(
            request_id=context.request_id,
            pattern=context.get_pattern(),
            socket_id=client.id,
            user_id=client.user_id,
        ):
            result = await call_handler.handle()
            _log.debug("event handled")
        return result
