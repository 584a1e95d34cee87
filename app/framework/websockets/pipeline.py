"""Guards, interceptors, pipes, handler, and filters around all: one compiled callable per event.

The order is Nest's (ws-context-creator.ts). What can be known at boot is decided at boot: an
event costs no signature inspection, no metadata and no container call.
"""

from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine, Iterable
from difflib import get_close_matches
from functools import partial
from typing import Any

import structlog

from app.concurrency.eager import within
from app.framework.common.awaiting import settled
from app.framework.common.context import (
    AckFunction,
    ConnectionContext,
    ExecutionContext,
    UnknownEvent,
    current_context,
)
from app.framework.common.decorators import CATCH
from app.framework.common.exceptions import (
    WsForbidden,
    WsTooManyRequests,
    WsUnavailable,
    WsUnknownEvent,
)
from app.framework.common.filters import BaseWsExceptionFilter, ExceptionFilter
from app.framework.common.guards import CanActivate, Check, verdict_of
from app.framework.common.metadata import get_metadata
from app.framework.core.lifecycle import hook_of
from app.framework.websockets.explorer import EventRoute, GatewayDefinition
from app.framework.websockets.invocation import compile_invocation
from app.framework.websockets.socket import Socket
from app.framework.websockets.ws_response import deliver, deliver_all

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

_OnError = Callable[[Exception, ExecutionContext], Coroutine[Any, Any, None]]

_too_slow = partial(WsUnavailable, "The connection took too long to be admitted.")

_log = structlog.stdlib.get_logger("Pipeline")


def compile_event(route: EventRoute) -> EventHandler:
    """The whole way of one event."""
    checks = _compile_guards(route.enhancers.guards)
    invoke = compile_invocation(route)
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
                    await _require(check, verdict)
            result = await invoke(context)
            answer = None if acks_itself else ack
            if not hasattr(result, "__anext__"):
                deliver(result, client, answer)
                return
            stream = deliver_stream(context, result, answer)
            if not client.run_aside(stream):  # too many run already: this one is waited for
                await stream
        except Exception as error:  # noqa: BLE001 - this is where the filters stand
            await on_error(error, context)
            await _hold_back(client, error)

    async def deliver_stream(
        context: ExecutionContext, values: AsyncIterator[Any], ack: AckFunction | None
    ) -> None:
        current_context.set(context)  # it runs beside the event, in a context of its own
        try:
            await deliver_all(values, context.get_client(), ack)
        except Exception as error:  # noqa: BLE001 - as above
            await on_error(error, context)

    return handle


def compile_unknown_event(definitions: Iterable[GatewayDefinition]) -> UnknownEventHandler:
    """What answers an event that nobody handles.

    After the guards of every gateway of the namespace, so that it tells strangers nothing.
    """
    definitions = tuple(definitions)
    guards = {id(guard): guard for each in definitions for guard in each.enhancers.guards}
    # The last mention counts: the application's filters are asked after those of every class.
    filters = {
        id(each): each for one in reversed(definitions) for each in one.enhancers.filters[::-1]
    }
    checks = _compile_guards(tuple(guards.values()))
    on_error = _compile_filters(tuple(filters.values())[::-1])
    known = [route.pattern for each in definitions for route in each.routes]

    async def handle(client: Socket, pattern: str, data: Any, ack: AckFunction | None) -> None:
        context = ExecutionContext(client, data, ack, pattern, UnknownEvent, handle)
        current_context.set(context)
        try:
            await _activate(checks, context)
            raise _unknown(pattern, known)  # noqa: TRY301 - the filters answer it like any other
        except Exception as error:  # noqa: BLE001 - this is where the filters stand
            await on_error(error, context)
            await _hold_back(client, error)

    return handle


def judges_connections(definition: GatewayDefinition) -> bool:
    """Whether a gateway has a guard or a hook for connecting clients; else it admits everyone."""
    hook = hook_of(definition.instance, "handle_connection")
    return bool(definition.enhancers.guards) or hook is not None


def compile_connect(definition: GatewayDefinition, timeout_seconds: float) -> ConnectHandler:
    """Guards of application and class, then ``handle_connection``; filters answer what they raise.

    Nest runs no guards here and does not wait for the hook (nestjs/nest#882): both is mended.
    What takes longer than ``timeout_seconds`` is cancelled and refused as ``unavailable``.
    """
    cls = type(definition.instance)
    checks = _compile_guards(definition.enhancers.guards)
    on_error = _compile_filters(definition.enhancers.filters)
    hook = hook_of(definition.instance, "handle_connection")
    handler = getattr(definition.instance, "handle_connection", None)

    async def admit(client: Socket, context: ConnectionContext) -> None:
        await _activate(checks, context)
        if hook is not None:
            await settled(hook(client))

    async def refuse(error: Exception, context: ConnectionContext) -> None:
        try:
            await within(timeout_seconds, on_error(error, context), _too_slow)
        except WsUnavailable:  # a filter that waits must not keep what it refuses
            _log.warning("exception filter took too long", request_id=context.request_id)

    async def connect(client: Socket) -> bool:
        context = ConnectionContext(client, cls, handler or connect)
        current_context.set(context)
        try:
            await within(timeout_seconds, admit(client, context), _too_slow)
        except Exception as error:  # noqa: BLE001 - this is where the filters stand
            await refuse(error, context)
        else:
            return True
        return False

    return connect


def compile_disconnect(definition: GatewayDefinition) -> DisconnectHandler | None:
    """The gateway's ``handle_disconnect``; its errors are logged and end nothing."""
    hook = hook_of(definition.instance, "handle_disconnect")
    if hook is None:
        return None

    async def disconnect(client: Socket, reason: str) -> None:
        try:
            await settled(hook(client, reason))
        except Exception:  # noqa: BLE001 - an error in a hook does not end the process, as in Nest
            _log.exception("handle_disconnect failed", socket_id=client.id, reason=reason)

    return disconnect


async def _hold_back(client: Socket, error: Exception) -> None:
    """Handle nothing more of a client that was told to wait, until it may go on."""
    if isinstance(error, WsTooManyRequests):
        await client.hold(error.retry_after_ms / 1000)


def _unknown(pattern: str, known: list[str]) -> WsUnknownEvent:
    nearest = get_close_matches(pattern[:_MAX_NAME_CHARS], known, n=1, cutoff=0.5)
    return WsUnknownEvent(nearest[0] if nearest else None)


def _compile_guards(guards: tuple[CanActivate, ...]) -> tuple[Check, ...]:
    return tuple(guard.can_activate for guard in guards)


async def _activate(checks: tuple[Check, ...], context: ExecutionContext) -> None:
    for check in checks:
        await _require(check, check(context))


async def _require(check: Check, given: Any) -> None:
    if not await verdict_of(check, given):
        raise WsForbidden


def _compile_filters(filters: tuple[ExceptionFilter, ...]) -> _OnError:
    candidates = [(get_metadata(type(each), CATCH) or (Exception,), each.catch) for each in filters]
    candidates.append(((Exception,), BaseWsExceptionFilter().catch))

    async def on_error(error: Exception, context: ExecutionContext) -> None:
        answer = next(answer for types, answer in candidates if isinstance(error, types))
        try:
            waiting = answer(error, context)
            if waiting is not None:
                await settled(waiting)
        except Exception:  # noqa: BLE001 - there is nothing left to answer with
            _log.exception(
                "exception filter failed",
                request_id=context.request_id,
                pattern=context.log_name,
            )

    return on_error
