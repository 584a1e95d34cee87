from collections.abc import Callable
from typing import Any

from app.framework import (
    ArgumentMetadata,
    CallHandler,
    CanActivate,
    ExecutionContext,
    NestInterceptor,
    PipeTransform,
    catch,
)

Trace = list[str]


class TracingGuard(CanActivate):
    """Writes its name; gives the verdict it was made with, or raises it."""

    def __init__(self, trace: Trace, name: str, *, verdict: Any = True) -> None:
        self._trace = trace
        self._name = name
        self._verdict = verdict

    def can_activate(self, context: ExecutionContext) -> bool:
        """Give the verdict."""
        del context
        self._trace.append(f"guard {self._name}")
        if isinstance(self._verdict, Exception):
            raise self._verdict
        verdict: bool = self._verdict
        return verdict


class TracingInterceptor(NestInterceptor):
    """Writes its name before and after."""

    def __init__(self, trace: Trace, name: str) -> None:
        self._trace = trace
        self._name = name

    async def intercept(self, context: ExecutionContext, call_handler: CallHandler) -> Any:
        """Go on, and change nothing."""
        del context
        self._trace.append(f"before {self._name}")
        result = await call_handler.handle()
        self._trace.append(f"after {self._name}")
        return result


class TracingPipe(PipeTransform):
    """Writes its name and what kind of parameter it meets."""

    def __init__(self, trace: Trace, name: str) -> None:
        self._trace = trace
        self._name = name

    def transform(self, value: Any, metadata: ArgumentMetadata) -> Any:
        """Give the value back."""
        self._trace.append(f"pipe {self._name} {metadata.type}")
        return value


@catch()
class TracingFilter:
    """Writes its name and the error's class; answers nothing."""

    def __init__(self, trace: Trace, name: str) -> None:
        self._trace = trace
        self._name = name

    def catch(self, exception: Exception, host: ExecutionContext) -> None:
        """Write it down."""
        del host
        self._trace.append(f"filter {self._name} {type(exception).__name__}")


def catching(*exceptions: type[Exception]) -> Callable[[Trace, str], TracingFilter]:
    """A `TracingFilter` for these exceptions alone."""

    @catch(*exceptions)
    class _Catching(TracingFilter):
        pass

    return _Catching
