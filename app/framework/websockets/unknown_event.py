"""Answers events that no gateway handles."""

from collections.abc import Callable, Coroutine, Iterable
from difflib import get_close_matches
from typing import Any

from app.framework.common.context import (
    AckFunction,
    ExecutionContext,
    UnknownEvent,
    current_context,
)
from app.framework.common.exceptions import WsUnknownEvent
from app.framework.common.guards import try_activate
from app.framework.websockets.exceptions_handler import compile_filters, pause_if_rate_limited
from app.framework.websockets.explorer import GatewayDefinition
from app.framework.websockets.socket import Socket

UnknownEventHandler = Callable[[Socket, str, Any, AckFunction | None], Coroutine[Any, Any, None]]
"""Created by `compile_unknown_event`; takes ``(client, pattern, data, ack)``, answers the client.

The handler raises only `CancelledError`.
"""

_MAX_NAME_CHARS = 100
"""The number of characters of an unknown event's name that are compared with known names."""


def compile_unknown_event(definitions: Iterable[GatewayDefinition]) -> UnknownEventHandler:
    """Return a handler that answers unknown events of a namespace with `WsUnknownEvent`.

    The guards of all gateways of the namespace run first, so that unauthenticated clients do not
    learn the names of events.
    """
    definitions = tuple(definitions)
    guards = {id(guard): guard for each in definitions for guard in each.enhancers.guards}
    # Every gateway lists the global filters last. Keep only the last occurrence of each filter, so
    # that the global filters come after the filters of all classes. For this, fill the dict in
    # reverse order.
    filters = {
        id(each): each for one in reversed(definitions) for each in one.enhancers.filters[::-1]
    }
    checks = tuple(guard.can_activate for guard in guards.values())
    on_error = compile_filters(tuple(filters.values())[::-1])
    known = [route.pattern for each in definitions for route in each.routes]

    async def handle(client: Socket, pattern: str, data: Any, ack: AckFunction | None) -> None:
        context = ExecutionContext(client, data, ack, pattern, UnknownEvent, handle)
        current_context.set(context)
        try:
            await try_activate(checks, context)
            raise _unknown(pattern, known)  # noqa: TRY301 - the filters handle this error too
        except Exception as error:  # noqa: BLE001 - the filters answer every error
            await on_error(error, context)
            await pause_if_rate_limited(client, error)

    return handle


def _unknown(pattern: str, known: list[str]) -> WsUnknownEvent:
    nearest = get_close_matches(pattern[:_MAX_NAME_CHARS], known, n=1, cutoff=0.5)
    return WsUnknownEvent(nearest[0] if nearest else None)
