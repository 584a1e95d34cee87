"""`NestInterceptor`: code that runs around a handler."""

from collections.abc import Awaitable, Callable
from typing import Any, Protocol, runtime_checkable

from app.framework.common.context import ExecutionContext


class CallHandler:
    """Gives an interceptor the rest of the pipeline: further interceptors, pipes, the handler."""

    __slots__ = ("handle",)

    def __init__(self, handle: Callable[[], Awaitable[Any]]) -> None:
        self.handle = handle
        """Run the handler and return its result, an async iterator if the handler streams.

        An interceptor that does not call it skips the handler and returns a result of its own.
        """


@runtime_checkable
class NestInterceptor(Protocol):
    """Runs around pipes and handler and sees their errors, but not those of guards (as in Nest)."""

    def intercept(self, context: ExecutionContext, call_handler: CallHandler) -> Any:
        """Return the result, usually that of ``await call_handler.handle()``; may be async."""
