"""What runs once the guards have let an event through: interceptors, pipes, the handler."""

import inspect
from collections.abc import Awaitable, Callable
from functools import partial
from typing import Any, NamedTuple

from app.framework.common.awaiting import settled
from app.framework.common.context import ExecutionContext
from app.framework.common.exceptions import BootError
from app.framework.common.interceptors import CallHandler, NestInterceptor
from app.framework.common.pipes import ArgumentMetadata, ValidationPipe
from app.framework.websockets.explorer import EventRoute
from app.framework.websockets.param_decorators import AckMarker
from app.framework.websockets.parameters import Parameter

Invocation = Callable[[ExecutionContext], Awaitable[Any]]
"""Gives the handler's result, or what the interceptors make of it."""


def compile_invocation(route: EventRoute) -> Invocation:
    """Interceptors, pipes and the handler of one event."""
    invocation = _compile_call(route)
    for interceptor in reversed(route.enhancers.interceptors):
        invocation = _around(interceptor, invocation)
    return invocation


def _compile_call(route: EventRoute) -> Invocation:
    """The handler with its arguments."""
    handler = route.handler
    arguments = [_compile_argument(each, route) for each in route.parameters]
    if not inspect.iscoroutinefunction(handler) or any(each.steps for each in arguments):
        return _compile_any_call(handler, arguments)

    # Nearly all: nothing but the handler itself is to be awaited. The usual numbers of parameters
    # are written out, as a list of arguments would cost an event half a microsecond.
    reads = [each.read for each in arguments]
    match reads:
        case [first]:
            return lambda context: handler(first(context))
        case [first, second]:
            return lambda context: handler(first(context), second(context))
        case _:
            return lambda context: handler(*[read(context) for read in reads])


def _compile_any_call(handler: Callable[..., Any], arguments: list["_Argument"]) -> Invocation:
    """Whatever can be awaited is: what factories and pipes give, and the handler's result."""
    is_async = inspect.iscoroutinefunction(handler)

    async def call(context: ExecutionContext) -> Any:
        values = []
        for read, steps in arguments:
            value = read(context)
            for step in steps:
                value = step(value)
                if inspect.isawaitable(value):
                    value = await settled(value)
            values.append(value)
        result = handler(*values)
        return await (result if is_async else settled(result))

    return call


def _around(interceptor: NestInterceptor, inner: Invocation) -> Invocation:
    async def call(context: ExecutionContext) -> Any:
        return await settled(interceptor.intercept(context, CallHandler(partial(inner, context))))

    return call


class _Argument(NamedTuple):
    """How to get an argument from the context: ``read``, then step by step.

    Only what a step gives may be awaitable.
    """

    read: Callable[[Any], Any]
    steps: list[Callable[[Any], Any]]


def _compile_argument(parameter: Parameter, route: EventRoute) -> _Argument:
    """Pipes with nothing to do are left out."""
    marker = parameter.marker
    if isinstance(marker, AckMarker):
        return _Argument(ExecutionContext.get_ack, [])
    metadata = ArgumentMetadata(marker.kind, parameter.metatype, marker.data)
    read, steps = (_itself, [marker.read]) if marker.may_wait else (marker.read, [])
    try:
        for pipe in (*route.enhancers.pipes, *parameter.pipes):
            transform = pipe.bind(metadata)
            if transform is None:
                continue
            # A plain function may give an awaitable; only our own is known never to.
            if steps or type(pipe).bind is not ValidationPipe.bind:
                steps.append(transform)
            else:
                read = _then(read, transform)
    except BootError as error:
        raise BootError(f"{route.place}: {error}") from error
    return _Argument(read, steps)


def _itself(context: Any) -> Any:
    return context


def _then(first: Callable[[Any], Any], second: Callable[[Any], Any]) -> Callable[[Any], Any]:
    return lambda value: second(first(value))
