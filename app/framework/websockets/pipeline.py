"""Compiles each event into one function that runs guards, interceptors, pipes and the handler.

Filters handle errors. The order is the same as in Nest (``ws-context-creator.ts``). Signatures,
metadata and providers are read only once, at boot.
"""

import inspect
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable, Coroutine
from enum import Enum
from functools import lru_cache, partial
from typing import Any, NamedTuple, Protocol

from app.framework.common.awaiting import maybe_await
from app.framework.common.context import AckFunction, ExecutionContext, current_context
from app.framework.common.exceptions import BootError, WsForbidden
from app.framework.common.guards import verdict_of
from app.framework.common.interceptors import CallHandler, NestInterceptor
from app.framework.common.pipes import ArgumentMetadata, ValidationPipe, bind_pipe, in_order
from app.framework.websockets.enhancers import Enhancers
from app.framework.websockets.exceptions_handler import compile_filters, pause_if_rate_limited
from app.framework.websockets.explorer import EventRoute
from app.framework.websockets.param_decorators import AckMarker
from app.framework.websockets.parameters import Parameter
from app.framework.websockets.socket import Socket

EventHandler = Callable[[Socket, Any, AckFunction | None], Coroutine[Any, Any, None]]
"""Created by `compile_event`; takes ``(client, data, ack)`` and answers the client.

The handler raises only `CancelledError`.
"""


class Route(Protocol):
    """The handler of an event or request, with its parameters and enhancers."""

    @property
    def handler(self) -> Callable[..., Any]:
        """The bound method."""

    @property
    def handler_name(self) -> str:
        """The class and the method, such as ``WsGateway.send_message``."""

    @property
    def parameters(self) -> tuple[Parameter, ...]:
        """The parameters of the handler."""

    @property
    def enhancers(self) -> Enhancers:
        """The enhancers of application, class and method."""


Invocation = Callable[[ExecutionContext], Awaitable[Any]]
"""Runs interceptors, pipes and the handler; returns the result of the outermost interceptor."""


def compile_event(route: EventRoute) -> EventHandler:
    """Return the function that handles one event completely."""
    checks = tuple(guard.can_activate for guard in route.enhancers.guards)
    invoke = compile_invocation(route)
    on_error = compile_filters(route.enhancers.filters)
    pattern, gateway, handler = route.pattern, route.gateway, route.handler
    acks_itself = route.acks_itself

    async def handle(client: Socket, data: Any, ack: AckFunction | None) -> None:
        context = ExecutionContext(client, data, ack, pattern, gateway, handler)
        current_context.set(context)
        try:
            for check in checks:
                verdict = check(context)
                if verdict is not True and not await verdict_of(check, verdict):
                    raise WsForbidden  # noqa: TRY301 - the filters handle this error too
            result = await invoke(context)
            answer = None if acks_itself else ack
            if not hasattr(result, "__anext__"):
                _send_result(result, client, answer)
                return
            stream = send_stream(context, result, answer)
            if not client.run_in_background(stream):  # disconnected, or too many streams
                await stream
        except Exception as error:  # noqa: BLE001 - the filters answer every error
            await on_error(error, context)
            await pause_if_rate_limited(client, error)

    async def send_stream(
        context: ExecutionContext, values: AsyncIterator[Any], ack: AckFunction | None
    ) -> None:
        current_context.set(context)  # a background task has a separate context
        try:
            await _send_all(values, context.get_client(), ack)
        except Exception as error:  # noqa: BLE001 - the filters answer every error
            await on_error(error, context)

    return handle


def compile_invocation(route: Route) -> Invocation:
    """Return the function that runs the interceptors, pipes and handler of one route."""
    invoke = _compile_call(route)
    for interceptor in reversed(route.enhancers.interceptors):
        invoke = _intercept(interceptor, invoke)
    return invoke


def _send_result(result: Any, client: Socket, ack: AckFunction | None) -> bool:
    """Send one result by Nest's rules; return whether the ack was called.

    None is ignored. A result with an ``event`` is emitted as this event, with its ``data``; it is a
    `WsResponse`, a dict, a dataclass or a pydantic model. Any other value is sent as the ack if
    ``ack`` is given.
    """
    if result is None:
        return False
    if isinstance(result, dict):
        event = result.get("event")
    else:
        cls: Any = type(result)  # mypy does not know that a class is hashable
        event = result.event if _has_event(cls) else None
    if event:
        name = event.value if isinstance(event, Enum) else event
        data = result.get("data") if isinstance(result, dict) else getattr(result, "data", None)
        client.emit(str(name), data)
        return False
    if ack is None:
        return False
    ack(result)
    return True


@lru_cache(maxsize=1_024)
def _has_event(cls: type) -> bool:
    """Return whether a dataclass or pydantic model has a field ``event``."""
    return any(
        "event" in getattr(cls, name, ()) for name in ("__dataclass_fields__", "model_fields")
    )


async def _send_all(values: AsyncIterator[Any], client: Socket, ack: AckFunction | None) -> None:
    """Send each value of an async iterator, as Nest does for an Observable.

    The first value that is not emitted as an event is sent as the ack. Further such values are
    dropped, because an event has only one ack. The loop ends when the client has disconnected.
    """
    try:
        async for value in values:
            if _send_result(value, client, ack):
                ack = None
            if not client.connected:
                break
    finally:
        if isinstance(values, AsyncGenerator):  # do not leave this to garbage collection
            await values.aclose()


def _intercept(interceptor: NestInterceptor, inner: Invocation) -> Invocation:
    async def call(context: ExecutionContext) -> Any:
        call_handler = CallHandler(partial(inner, context))
        return await maybe_await(interceptor.intercept(context, call_handler))

    return call


def _compile_call(route: Route) -> Invocation:
    handler = route.handler
    arguments = [_compile_argument(each, route) for each in route.parameters]
    if not inspect.iscoroutinefunction(handler) or any(each.steps for each in arguments):
        return _compile_call_with_awaits(handler, arguments)

    # The usual case: only the handler itself is awaited. One and two parameters are separate cases,
    # because building a list of arguments costs half a microsecond per event.
    reads = [each.read for each in arguments]
    match reads:
        case [first]:
            return lambda context: handler(first(context))
        case [first, second]:
            return lambda context: handler(first(context), second(context))
        case _:
            return lambda context: handler(*[read(context) for read in reads])


def _compile_call_with_awaits(
    handler: Callable[..., Any], arguments: list["_Argument"]
) -> Invocation:
    is_async = inspect.iscoroutinefunction(handler)

    async def call(context: ExecutionContext) -> Any:
        values = []
        for read, steps in arguments:
            value = read(context)
            for step in steps:
                value = step(value)
                if inspect.isawaitable(value):
                    value = await maybe_await(value)
            values.append(value)
        result = handler(*values)
        return await (result if is_async else maybe_await(result))

    return call


class _Argument(NamedTuple):
    """Computes an argument: ``read`` takes the context, each step takes the previous result.

    The result of a step may be awaitable; the result of ``read`` is not.
    """

    read: Callable[[Any], Any]
    steps: list[Callable[[Any], Any]]


def _compile_argument(parameter: Parameter, route: Route) -> _Argument:
    marker = parameter.marker
    if isinstance(marker, AckMarker):
        return _Argument(ExecutionContext.get_ack, [])
    metadata = ArgumentMetadata(marker.kind, parameter.metatype, marker.data)
    read, steps = (_same, [marker.read]) if marker.may_be_awaitable else (marker.read, [])
    outer_pipes = route.enhancers.pipes if marker.is_pipeable else ()
    try:
        for pipe in in_order(outer_pipes, parameter.pipes):
            transform = bind_pipe(pipe, metadata)
            if transform is None:
                continue
            # Any pipe except `ValidationPipe` may return an awaitable, even if it is not async.
            if steps or getattr(type(pipe), "bind", None) is not ValidationPipe.bind:
                steps.append(transform)
            else:
                read = _then(read, transform)
    except BootError as error:
        raise BootError(f"{route.handler_name}: {error}") from error
    return _Argument(read, steps)


def _same(context: Any) -> Any:
    return context


def _then(first: Callable[[Any], Any], second: Callable[[Any], Any]) -> Callable[[Any], Any]:
    return lambda value: second(first(value))
