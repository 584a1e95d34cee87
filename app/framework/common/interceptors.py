"""`NestInterceptor`: code that runs around a handler."""

from collections.abc import Awaitable, Callable
from typing import Any, Protocol, runtime_checkable

from app.framework.common.context import ExecutionContext


class CallHandler:
    """The steps that an interceptor runs around: further interceptors, pipes and the handler."""

    __slots__ = ("handle",)

    def __init__(self, handle: Callable[[], Awaitable[Any]]) -> None:
        self.handle = handle
        """Runs these steps and returns the handler's result.

        A streaming handler's result is an async iterator. An interceptor that does not call this
        function skips the handler and returns a result of its own.
        """


@runtime_checkable
class NestInterceptor(Protocol):
    """Runs around the pipes and the handler, and can catch their errors.

    Guards run earlier, as in Nest.
    """

    def intercept(self, context: ExecutionContext, call_handler: CallHandler) -> Any:
        """Return the result, usually that of ``await call_handler.handle()``; may be async."""
