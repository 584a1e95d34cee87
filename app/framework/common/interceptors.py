"""`NestInterceptor`: code that runs around a handler."""

from collections.abc import Awaitable, Callable
from typing import Any, Protocol, runtime_checkable

from app.framework.common.context import ExecutionContext


class CallHandler:
    """Gives an interceptor the rest of the pipeline: further interceptors, pipes, the handler."""

    __slots__ = ("handle",)

    def __init__(self, handle: Callable[[], Awaitable[Any]]) -> None:
        self.handle = handle
        """Runs the handler and returns its result; for a streaming handler, an async iterator.

        An interceptor that does not call this skips the handler and returns its own result.
        """


@runtime_checkable
class NestInterceptor(Protocol):
    """Runs around pipes and handler and sees their errors, but not those of guards (as in Nest)."""

    def intercept(self, context: ExecutionContext, call_handler: CallHandler) -> Any:
        """Return the result, usually that of ``await call_handler.handle()``; may be async."""
