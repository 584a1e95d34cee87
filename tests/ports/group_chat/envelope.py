"""Wraps every answer, as the clients of this API expect."""

from collections.abc import AsyncIterator
from typing import Any

from app.framework import CallHandler, ExecutionContext, NestInterceptor, WsResponse


class EnvelopeInterceptor(NestInterceptor):
    """Answers ``{"ok": true, "data": ...}``; streams and events stay as they are."""

    async def intercept(self, context: ExecutionContext, call_handler: CallHandler) -> Any:
        del context
        result = await call_handler.handle()
        if isinstance(result, AsyncIterator | WsResponse):
            return result
        return {"ok": True, "data": result}
