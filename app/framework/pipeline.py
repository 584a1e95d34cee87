"""Guards, interceptors, pipes, handler, and filters around all: one compiled callable per event.

The order is Nest's (ws-context-creator.ts). What can be known at boot is decided at boot: an
event costs no signature inspection, no metadata and no container call.
"""

import inspect
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine, Iterable
from difflib import get_close_matches
from functools import partial, reduce
from typing import Any

import structlog

from app.framework.context import (
    AckFunction,
    ConnectionContext,
    ExecutionContext,
    UnknownEvent,
    current_context,
)
from app.framework.decorators import CATCH
from app.framework.eager import within
from app.framework.exceptions import (
    BootError,
    WsForbidden,
    WsTooManyRequests,
    WsUnavailable,
    WsUnknownEvent,
)
from app.framework.explorer import EventRoute, GatewayDefinition
from app.framework.filters import BaseWsExceptionFilter, ExceptionFilter
from app.framework.guards import CanActivate
from app.framework.handler_parameters import Parameter
from app.framework.interceptors import CallHandler, NestInterceptor
from app.framework.metadata import get_metadata
from app.framework.params import AckMarker
from app.framework.pipes import ArgumentMetadata, Transform
from app.framework.socket import Socket
from app.framework.ws_response import deliver, deliver_all

EventHandler = Callable[[Socket, Any, AckFunction | None], Coroutine[Any, Any, None]]
"""``(client, data, ack)``; answers the client by itself and raises nothing but cancellation."""

ConnectHandler = Callable[[Socket], Awaitable[bool]]
"""Whether the socket may come in; raises nothing but cancellation."""

UnknownEventHandler = Callable[[Socket, str, Any, AckFunction | None], Coroutine[Any, Any, None]]
"""``(client, pattern, data, ack)``; as `EventHandler`, for events nobody handles."""

DisconnectHandler = Callable[[Socket, str], Awaitable[None]]
"""``(client, reason)``; raises nothing but cancellation."""

_MAX_NAME_CHARS = 100
"""Of an unknown event's name, as far as anybody looks at it."""

_Check = Callable[[ExecutionContext], bool | Awaitable[bool]]
_Invocation = Callable[[ExecutionContext], Awaitable[Any]]
_OnError = Callable[[Exception, ExecutionContext], None]

_too_slow = partial(WsUnavailable, "The connection took too long to be admitted.")

_log = structlog.stdlib.get_logger("Pipeline")


def compile_event(route: EventRoute) -> EventHandler:
    """The whole way of one event."""
    checks = _compile_guards(route.enhancers.guards)
    invoke = _compile_invocation(route)
    on_error = _compile_filters(route.enhancers.filters)
    pattern, gateway, handler = route.pattern, route.gateway, route.handler
    acks_itself = route.acks_itself

    async def handle(client: Socket, data: Any, ack: AckFunction | None) -> None:
        context = ExecutionContext(client, data, ack, pattern, gateway, handler)
        current_context.set(context)
        try:
            for check in checks:
                verdict = check(context)
                if verdict is not True:  # anything but the usual
                    await _require(verdict)
            result = await invoke(context)
            answer = None if acks_itself else ack
            if not hasattr(result, "__anext__"):
                deliver(result, client, answer)
                return
            stream = deliver_stream(context, result, answer)
            if not client.run_aside(stream):  # too many run already: this one is waited for
                await stream
        except Exception as error:  # noqa: BLE001 - this is where the filters stand
            on_error(error, context)
            await _hold_back(client, error)

    async def deliver_stream(
        context: ExecutionContext, values: AsyncIterator[Any], ack: AckFunction | None
    ) -> None:
        current_context.set(context)  # it runs beside the event, in a context of its own
        try:
            await deliver_all(values, context.get_client(), ack)
        except Exception as error:  # noqa: BLE001 - as above
            on_error(error, context)

    return handle


def compile_unknown_event(definitions: Iterable[GatewayDefinition]) -> UnknownEventHandler:
    """What answers an event that nobody handles.

    After the guards of every gateway of the namespace, so that it tells strangers nothing.
    """
    definitions = tuple(definitions)
    guards = dict.fromkeys(guard for each in definitions for guard in each.enhancers.guards)
    filters = dict.fromkeys(each for one in definitions for each in one.enhancers.filters)
    checks = _compile_guards(tuple(guards))
    on_error = _compile_filters(tuple(filters))
    known = [route.pattern for each in definitions for route in each.routes]

    async def handle(client: Socket, pattern: str, data: Any, ack: AckFunction | None) -> None:
        context = ExecutionContext(client, data, ack, pattern, UnknownEvent, handle)
        current_context.set(context)
        try:
            await _activate(checks, context)
            raise _unknown(pattern, known)  # noqa: TRY301 - the filters answer it like any other
        except Exception as error:  # noqa: BLE001 - this is where the filters stand
            on_error(error, context)
            await _hold_back(client, error)

    return handle


def compile_connect(definition: GatewayDefinition, timeout_seconds: float) -> ConnectHandler:
    """Guards of application and class, then ``handle_connection``; filters answer what they raise.

    Nest runs no guards here and does not wait for the hook (nestjs/nest#882): both is mended.
    What takes longer than ``timeout_seconds`` is cancelled and refused as ``unavailable``.
    """
    cls = type(definition.instance)
    checks = _compile_guards(definition.enhancers.guards)
    on_error = _compile_filters(definition.enhancers.filters)
    hook = getattr(definition.instance, "handle_connection", None)

    async def admit(client: Socket, context: ConnectionContext) -> None:
        await _activate(checks, context)
        if hook is not None:
            await _awaited(hook(client))

    async def connect(client: Socket) -> bool:
        context = ConnectionContext(client, cls, hook or connect)
        current_context.set(context)
        try:
            await within(timeout_seconds, admit(client, context), _too_slow)
        except Exception as error:  # noqa: BLE001 - this is where the filters stand
            on_error(error, context)
        else:
            return True
        return False

    return connect


def compile_disconnect(definition: GatewayDefinition) -> DisconnectHandler | None:
    """The gateway's ``handle_disconnect``; its errors are logged and end nothing."""
    hook = getattr(definition.instance, "handle_disconnect", None)
    if hook is None:
        return None

    async def disconnect(client: Socket, reason: str) -> None:
        try:
            await _awaited(hook(client, reason))
        except Exception:  # noqa: BLE001 - an error in a hook does not end the process, as in Nest
            _log.exception("handle_disconnect failed", socket_id=client.id, reason=reason)

    return disconnect


async def _hold_back(client: Socket, error: Exception) -> None:
    """Handle nothing more of a client that was told to wait, until it may go on."""
    if isinstance(error, WsTooManyRequests):
        await client.hold(error.retry_after_ms / 1000)


async def _awaited(result: Any) -> Any:
    """Hooks may be plain methods, as Nest's may."""
    return await result if inspect.isawaitable(result) else result


def _unknown(pattern: str, known: list[str]) -> WsUnknownEvent:
    nearest = get_close_matches(pattern[:_MAX_NAME_CHARS], known, n=1, cutoff=0.5)
    return WsUnknownEvent(nearest[0] if nearest else None)


def _compile_guards(guards: tuple[CanActivate, ...]) -> tuple[_Check, ...]:
    return tuple(guard.can_activate for guard in guards)


async def _activate(checks: tuple[_Check, ...], context: ExecutionContext) -> None:
    for check in checks:
        await _require(check(context))


async def _require(verdict: bool | Awaitable[bool]) -> None:  # noqa: FBT001 - a guard's answer
    if not (await verdict if inspect.isawaitable(verdict) else verdict):
        raise WsForbidden


def _compile_filters(filters: tuple[ExceptionFilter, ...]) -> _OnError:
    candidates = [(get_metadata(type(each), CATCH) or (Exception,), each.catch) for each in filters]
    candidates.append(((Exception,), BaseWsExceptionFilter().catch))

    def on_error(error: Exception, context: ExecutionContext) -> None:
        answer = next(answer for types, answer in candidates if isinstance(error, types))
        try:
            answer(error, context)
        except Exception:  # noqa: BLE001 - there is nothing left to answer with
            _log.exception(
                "exception filter failed",
                request_id=context.request_id,
                pattern=context.log_name,
            )

    return on_error


def _compile_invocation(route: EventRoute) -> _Invocation:
    invocation = _compile_call(route)
    for interceptor in reversed(route.enhancers.interceptors):
        invocation = _around(interceptor, invocation)
    return invocation


def _compile_call(route: EventRoute) -> _Invocation:
    """The handler with its arguments."""
    handler = route.handler
    chains = [_compile_parameter(each, route) for each in route.parameters or ()]
    if route.parameters is None:
        chains = [[partial(_plain_argument, index)] for index in range(route.plain_arity)]
    steps = [step for chain in chains for step in chain]
    if not inspect.iscoroutinefunction(handler) or any(map(inspect.iscoroutinefunction, steps)):
        return _compile_any_call(handler, chains)

    # Nearly all: nothing but the handler itself is to be awaited. The usual numbers of parameters
    # are written out, as a list of arguments would cost an event half a microsecond.
    reads = [reduce(_then, chain) for chain in chains]
    match reads:
        case [first]:
            return lambda context: handler(first(context))
        case [first, second]:
            return lambda context: handler(first(context), second(context))
        case _:
            return lambda context: handler(*[read(context) for read in reads])


def _compile_any_call(
    handler: Callable[..., Any], chains: list[list[Callable[[Any], Any]]]
) -> _Invocation:
    """Whatever can be awaited is: what factories and pipes give, and the handler's result."""

    async def call(context: ExecutionContext) -> Any:
        arguments = []
        for chain in chains:
            value: Any = context
            for step in chain:
                value = await _awaited(step(value))
            arguments.append(value)
        return await _awaited(handler(*arguments))

    return call


def _around(interceptor: NestInterceptor, inner: _Invocation) -> _Invocation:
    async def call(context: ExecutionContext) -> Any:
        return await interceptor.intercept(context, CallHandler(partial(inner, context)))

    return call


def _compile_parameter(parameter: Parameter, route: EventRoute) -> list[Callable[[Any], Any]]:
    """From the context to the argument, step by step; pipes with nothing to do are left out."""
    marker = parameter.marker
    if isinstance(marker, AckMarker):
        return [ExecutionContext.get_ack]
    metadata = ArgumentMetadata(marker.kind, parameter.metatype, marker.data)
    pipes = (*route.enhancers.pipes, *parameter.pipes)
    try:
        bound: list[Transform | None] = [pipe.bind(metadata) for pipe in pipes]
    except BootError as error:
        raise BootError(f"{route.place}: {error}") from error
    return [marker.read, *(each for each in bound if each is not None)]


def _plain_argument(index: int, context: ExecutionContext) -> Any:
    return context.get_arg_by_index(index)


def _then(first: Callable[[Any], Any], second: Callable[[Any], Any]) -> Callable[[Any], Any]:
    return lambda value: second(first(value))
