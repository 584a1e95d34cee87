"""The audit log of everything that staff does."""

from typing import Any

from app.framework import CallHandler, ExecutionContext, NestInterceptor
from tests.ports.administration.roles import user_of


class AuditLog:
    """Keeps who did what, newest last."""

    def __init__(self) -> None:
        self.entries: list[str] = []


class AuditInterceptor(NestInterceptor):
    """Writes the outcome of each handler of an event or a request."""

    def __init__(self, log: AuditLog) -> None:
        self._log = log

    async def intercept(self, context: ExecutionContext, call_handler: CallHandler) -> Any:
        user = user_of(context)
        entry = f"{user.name if user else '-'} {context.get_handler().__name__}"
        try:
            result = await call_handler.handle()
        except Exception as error:
            self._log.entries.append(f"{entry}: {type(error).__name__}")
            raise
        self._log.entries.append(entry)
        return result
