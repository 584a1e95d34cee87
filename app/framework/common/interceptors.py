"""`NestInterceptor`: what stands around a handler."""

from collections.abc import Awaitable, Callable
from typing import Any, Protocol, runtime_checkable

from app.framework.common.context import ExecutionContext


class CallHandler:
    """The rest of the pipeline: further interceptors, pipes, the handler."""

    __slots__ = ("handle",)

    def __init__(self, handle: Callable[[], Awaitable[Any]]) -> None:
        self.handle = handle
        """Run it and give its result: a value, or an async iterator when the handler streams.

        Not calling it leaves the handler out; what the interceptor returns is the result.
        """


@runtime_checkable
class NestInterceptor(Protocol):
    """An interceptor. It sees failures of pipes and handlers, not of guards (as Nest's)."""

    def intercept(self, context: ExecutionContext, call_handler: CallHandler) -> Any:
        """Give the result: usually ``await call_handler.handle()``, changed or not.

        May be async.
        """
