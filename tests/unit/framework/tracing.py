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
    """Records its name, and returns or raises the verdict given to the constructor."""

    def __init__(self, trace: Trace, name: str, *, verdict: Any = True) -> None:
        self._trace = trace
        self._name = name
        self._verdict = verdict

    def can_activate(self, context: ExecutionContext) -> bool:
        del context
        self._trace.append(f"guard {self._name}")
        if isinstance(self._verdict, Exception):
            raise self._verdict
        verdict: bool = self._verdict
        return verdict


class TracingInterceptor(NestInterceptor):
    """Records its name before and after the handler."""

    def __init__(self, trace: Trace, name: str) -> None:
        self._trace = trace
        self._name = name

    async def intercept(self, context: ExecutionContext, call_handler: CallHandler) -> Any:
        del context
        self._trace.append(f"before {self._name}")
        result = await call_handler.handle()
        self._trace.append(f"after {self._name}")
        return result


class TracingPipe(PipeTransform):
    """Records its name and the kind of the parameter."""

    def __init__(self, trace: Trace, name: str) -> None:
        self._trace = trace
        self._name = name

    def transform(self, value: Any, metadata: ArgumentMetadata) -> Any:
        self._trace.append(f"pipe {self._name} {metadata.type}")
        return value


@catch()
class TracingFilter:
    """Records its name and the class of the error, and sends no answer."""

    def __init__(self, trace: Trace, name: str) -> None:
        self._trace = trace
        self._name = name

    def catch(self, exception: Exception, host: ExecutionContext) -> None:
        del host
        self._trace.append(f"filter {self._name} {type(exception).__name__}")


def catching(*exceptions: type[Exception]) -> Callable[[Trace, str], TracingFilter]:
    """Return a `TracingFilter` that catches only these exceptions."""

    @catch(*exceptions)
    class _Catching(TracingFilter):
        pass

    return _Catching
