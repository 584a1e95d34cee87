"""Wraps the results of handlers, as the clients of this API expect."""

from collections.abc import AsyncIterator
from typing import Any

from app.framework import CallHandler, ExecutionContext, NestInterceptor, WsResponse


class EnvelopeInterceptor(NestInterceptor):
    """Returns ``{"ok": true, "data": result}``, but does not change streams and `WsResponse`."""

    async def intercept(self, context: ExecutionContext, call_handler: CallHandler) -> Any:
        del context
        result = await call_handler.handle()
        if isinstance(result, AsyncIterator | WsResponse):
            return result
        return {"ok": True, "data": result}
