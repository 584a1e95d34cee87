"""Compiles the connect and disconnect handlers of gateways."""

from collections.abc import Awaitable, Callable
from functools import partial
from typing import Any

import structlog

from app.concurrency.eager import within
from app.framework.common.awaiting import maybe_await
from app.framework.common.context import ConnectionContext, current_context
from app.framework.common.exceptions import WsUnavailable
from app.framework.common.guards import try_activate
from app.framework.common.hooks import find_hook
from app.framework.websockets.exceptions_handler import compile_filters
from app.framework.websockets.explorer import GatewayDefinition
from app.framework.websockets.hooks import GATEWAY_HOOKS
from app.framework.websockets.socket import Socket

ConnectHandler = Callable[[Socket], Awaitable[bool]]
"""Created by `compile_connect`; returns False if the socket was refused.

The handler raises only `CancelledError`.
"""

DisconnectHandler = Callable[[Socket, str], Awaitable[None]]
"""Created by `compile_disconnect`; takes ``(client, reason)``, raises only `CancelledError`."""

_too_slow = partial(WsUnavailable, "The connection took too long to be admitted.")

_log = structlog.stdlib.get_logger("Connections")


def compile_connect(definition: GatewayDefinition, timeout_seconds: float) -> ConnectHandler | None:
    """Return a function that runs a gateway's guards, then ``handle_connection``.

    The gateway's filters handle errors. Returns None for a gateway that has neither guards nor the
    hook, because such a gateway admits every socket.

    Nest runs no guards when a client connects, and does not await the hook (nestjs/nest#882). Here
    guards and hook run before the socket is admitted. After ``timeout_seconds``, guards and hook
    are cancelled, and the socket is refused as ``unavailable``.
    """
    cls = type(definition.instance)
    checks = tuple(guard.can_activate for guard in definition.enhancers.guards)
    hook = _hook(definition, "handle_connection")
    if not checks and hook is None:
        return None
    on_error = compile_filters(definition.enhancers.filters)
    handler = getattr(definition.instance, "handle_connection", None)

    async def admit(client: Socket, context: ConnectionContext) -> None:
        await try_activate(checks, context)
        if hook is not None:
            await maybe_await(hook(client))

    async def refuse(error: Exception, context: ConnectionContext) -> None:
        try:
            await within(timeout_seconds, on_error(error, context), _too_slow)
        except WsUnavailable:  # a slow filter must not keep the refused socket open
            _log.warning("exception filter took too long", request_id=context.request_id)

    async def connect(client: Socket) -> bool:
        context = ConnectionContext(client, cls, handler or connect)
        current_context.set(context)
        try:
            await within(timeout_seconds, admit(client, context), _too_slow)
        except Exception as error:  # noqa: BLE001 - the filters answer every error
            await refuse(error, context)
        else:
            return True
        return False

    return connect


def compile_disconnect(definition: GatewayDefinition) -> DisconnectHandler | None:
    """Return a function that runs ``handle_disconnect`` and logs errors; None without the hook."""
    hook = _hook(definition, "handle_disconnect")
    if hook is None:
        return None

    async def disconnect(client: Socket, reason: str) -> None:
        try:
            await maybe_await(hook(client, reason))
        except Exception:  # noqa: BLE001 - as in Nest, an error of a hook does not end the process
            _log.exception("handle_disconnect failed", socket_id=client.id, reason=reason)

    return disconnect


def _hook(definition: GatewayDefinition, name: str) -> Callable[..., Any] | None:
    return find_hook(definition.instance, name, GATEWAY_HOOKS[name])
