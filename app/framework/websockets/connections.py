"""Compiles the connect and disconnect handlers of gateways."""

from collections.abc import Awaitable, Callable, Iterable
from functools import partial
from typing import Any, NamedTuple

import structlog

from app.concurrency.eager import within
from app.framework.common.awaiting import maybe_await
from app.framework.common.context import ConnectionContext, current_context
from app.framework.common.exceptions import WsException, WsUnavailable
from app.framework.common.guards import Check, try_activate
from app.framework.common.hooks import find_hook
from app.framework.websockets.exceptions_handler import ErrorHandler, compile_filters
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


class _Admission(NamedTuple):
    """One gateway's guards and ``handle_connection`` hook, and the filters for their errors."""

    gateway: type
    checks: tuple[Check, ...]
    hook: Callable[..., Any] | None
    handler: Callable[..., Any]
    """The function that ``context.get_handler()`` returns while a socket connects."""
    on_error: ErrorHandler


class _Attempt:
    """The state of one connecting socket: the admission that is running, and its context."""

    __slots__ = ("admission", "client", "context")

    admission: _Admission
    context: ConnectionContext

    def __init__(self, client: Socket) -> None:
        self.client = client

    def enter(self, admission: _Admission) -> ConnectionContext:
        """Make an admission the current one; create and return its context."""
        self.admission = admission
        self.context = ConnectionContext(self.client, admission.gateway, admission.handler)
        current_context.set(self.context)
        return self.context


def compile_connect(
    definitions: Iterable[GatewayDefinition], timeout_seconds: float
) -> ConnectHandler | None:
    """Return a function that runs the guards and then ``handle_connection`` of all gateways.

    The gateways' filters handle errors. Returns None if no gateway has guards or the hook.

    Nest runs no guards when a client connects, and does not await the hook (nestjs/nest#882). In
    this port, guards and hooks run before the socket is admitted.

    If a gateway's guards refuse the socket with a `WsException` that is not temporary, the hook of
    this gateway does not run. The socket is refused if this happens in all gateways that have
    events, guards or the hook. Any other error refuses the socket, because a broken guard must not
    admit anybody.

    After ``timeout_seconds``, guards and hooks are cancelled, and the socket is refused with
    `WsUnavailable`.
    """
    admissions = [_admission(each) for each in definitions if _concerns_clients(each)]
    if not any(each.checks or each.hook for each in admissions):
        return None

    async def refuse(error: Exception, attempt: _Attempt) -> None:
        context = attempt.context
        try:
            answer = attempt.admission.on_error(error, context)
            await within(timeout_seconds, answer, _too_slow)
        except WsUnavailable:  # a slow filter must not keep the refused socket open
            _log.warning("exception filter took too long", request_id=context.request_id)

    async def connect(client: Socket) -> bool:
        attempt = _Attempt(client)
        try:
            await within(timeout_seconds, _admit(admissions, attempt), _too_slow)
        except Exception as error:  # noqa: BLE001 - the filters answer every error
            await refuse(error, attempt)
        else:
            return True
        return False

    return connect


async def _admit(admissions: list[_Admission], attempt: _Attempt) -> None:
    for admission in await _run_guards(admissions, attempt):
        if admission.hook is not None:
            if attempt.admission is not admission:
                attempt.enter(admission)
            await maybe_await(admission.hook(attempt.client))


async def _run_guards(admissions: list[_Admission], attempt: _Attempt) -> list[_Admission]:
    """Return the admissions whose guards accept the socket; raise the first refusal if all refuse.

    If this raises, ``attempt.admission`` is the admission whose guards raised the error. If not, it
    is the last admission.
    """
    passed: list[_Admission] = []
    first_refusal: tuple[WsException, _Admission] | None = None
    for admission in admissions:
        context = attempt.enter(admission)
        try:
            await try_activate(admission.checks, context)
        except WsException as error:
            if error.temporary:
                raise
            first_refusal = first_refusal or (error, admission)
        else:
            passed.append(admission)
    if first_refusal is not None and not passed:
        refusal, admission = first_refusal
        if attempt.admission is not admission:
            attempt.enter(admission)
        raise refusal
    return passed


def _concerns_clients(definition: GatewayDefinition) -> bool:
    has_hook = hasattr(definition.instance, "handle_connection")
    return bool(definition.routes or definition.enhancers.guards) or has_hook


def _admission(definition: GatewayDefinition) -> _Admission:
    hook = _hook(definition, "handle_connection")
    return _Admission(
        gateway=type(definition.instance),
        checks=tuple(guard.can_activate for guard in definition.enhancers.guards),
        hook=hook,
        handler=getattr(definition.instance, "handle_connection", _no_hook),
        on_error=compile_filters(definition.enhancers.filters),
    )


def _no_hook() -> None:
    """The value of ``context.get_handler()`` for a gateway without ``handle_connection``."""


def compile_disconnect(definition: GatewayDefinition) -> DisconnectHandler | None:
    """Return a function that runs ``handle_disconnect`` and logs errors; None without a hook."""
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
