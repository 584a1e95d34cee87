"""The audit log of all handled events and requests."""

from typing import Any

from app.framework import CallHandler, ExecutionContext, NestInterceptor
from tests.ports.administration.roles import user_of


class AuditLog:
    """Keeps the name of the user and of the handler for each call, newest last."""

    def __init__(self) -> None:
        self.entries: list[str] = []


class AuditInterceptor(NestInterceptor):
    """Records each call of a handler in the audit log, with the error if the call fails."""

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
