"""The hooks of Nest's life cycle, as Protocols; a provider has a hook by having the method.

Start: constructors, ``after_init``, ``on_module_init``, ``on_application_bootstrap``, listening.
Stop: ``on_drain`` (not in Nest), a time in which everything is still served,
``on_module_destroy``, ``before_application_shutdown``, servers closed (which runs
``handle_disconnect`` for every socket), ``on_application_shutdown``.

Within a phase hooks run one after the other, in the order in which the providers are declared;
but a provider's hook runs after those of the providers it was built from. When stopping, the order
is reversed.

A hook may take fewer arguments than its Protocol says: as in JavaScript, the surplus is dropped.
"""

import inspect
from collections.abc import Callable, Iterable, Sequence
from typing import Any, Protocol, runtime_checkable

import structlog

from app.framework.common.awaiting import settled
from app.framework.common.exceptions import BootError
from app.framework.websockets.socket import Server

MODULE_HOOKS: dict[str, tuple[str, ...]] = {
    "on_module_init": (),
    "on_application_bootstrap": (),
    "on_drain": (),
    "on_module_destroy": (),
    "before_application_shutdown": ("signal",),
    "on_application_shutdown": ("signal",),
}
"""The hooks of every provider, and what each is given."""

GATEWAY_HOOKS: dict[str, tuple[str, ...]] = {
    "after_init": ("server",),
    "handle_connection": ("client",),
    "handle_disconnect": ("client", "reason"),
}
"""The hooks of a gateway besides, and what each is given."""

_POSITIONAL = (inspect.Parameter.POSITIONAL_ONLY, inspect.Parameter.POSITIONAL_OR_KEYWORD)

_log = structlog.stdlib.get_logger("Lifecycle")


@runtime_checkable
class OnModuleInit(Protocol):
    """Opens what the constructor must not."""

    async def on_module_init(self) -> None:
        """Open; an error stops the start."""


@runtime_checkable
class OnApplicationBootstrap(Protocol):
    """Runs when every module is ready, before listening."""

    async def on_application_bootstrap(self) -> None:
        """Begin; an error stops the start."""


@runtime_checkable
class OnDrain(Protocol):
    """Runs when the process was told to end, while everything is still served; not in Nest."""

    async def on_drain(self) -> None:
        """Announce the end; an error is logged."""


@runtime_checkable
class OnModuleDestroy(Protocol):
    """Stops work of its own; sockets are still there."""

    async def on_module_destroy(self) -> None:
        """Stop; an error is logged."""


@runtime_checkable
class BeforeApplicationShutdown(Protocol):
    """Runs after the destroy hooks, before the servers close; ``signal`` names what ended us."""

    async def before_application_shutdown(self, signal: str | None) -> None:
        """Prepare; an error is logged."""


@runtime_checkable
class OnApplicationShutdown(Protocol):
    """Closes what handlers needed: no socket is left."""

    async def on_application_shutdown(self, signal: str | None) -> None:
        """Close; an error is logged."""


@runtime_checkable
class OnGatewayInit(Protocol):
    """Runs once, when the gateway's server exists."""

    def after_init(self, server: Server) -> Any:
        """The server is there."""


@runtime_checkable
class OnGatewayConnection(Protocol):
    """Runs for each socket that the guards let through, and is awaited before any of its events.

    A raised error refuses the socket.
    """

    async def handle_connection(self, client: Any) -> None:
        """Join rooms; raise to refuse."""


@runtime_checkable
class OnGatewayDisconnect(Protocol):
    """Runs once for each socket that tried to connect, after its last event.

    ``client.rooms`` is empty by then. ``reason`` is one of `transport.reasons`.
    """

    async def handle_disconnect(self, client: Any, reason: str) -> None:
        """Clean up; an error is logged."""


def hook_of(provider: object, name: str) -> Callable[..., Any] | None:
    """The hook of a provider, to be called with all of its arguments; None when it has none.

    Raises:
        BootError: It needs more arguments than there are.
    """
    method = getattr(provider, name, None)
    if method is None:
        return None
    given = (*MODULE_HOOKS.get(name, ()), *GATEWAY_HOOKS.get(name, ()))
    place = f"{type(provider).__name__}.{name}"
    if not callable(method):
        raise BootError(f"{place} is not a method, so it cannot run; make it one or rename it")
    if inspect.isgeneratorfunction(method) or inspect.isasyncgenfunction(method):
        raise BootError(f"{place} is a generator, so it would not run; take the yield out")
    taken = _arguments_taken(method, given, place)
    return method if taken == len(given) else lambda *arguments: method(*arguments[:taken])


def check_hooks(provider: object, names: Iterable[str]) -> None:
    """Refuse a provider whose hooks cannot be called.

    Raises:
        BootError: Names the hook.
    """
    for name in names:
        hook_of(provider, name)


async def run_hooks(hook: str, providers: Sequence[object], *args: object) -> None:
    """Run a hook on all who have it, one after the other; the first error stops the start."""
    for provider in providers:
        method = hook_of(provider, hook)
        if method is not None:
            await settled(method(*args))


async def run_closing_hooks(hook: str, providers: Sequence[object], *args: object) -> None:
    """As `run_hooks`, but an error is logged and the others still run: closing must end."""
    for provider in providers:
        try:
            await run_hooks(hook, (provider,), *args)
        except Exception:  # noqa: BLE001 - one hook must not keep the others from closing
            _log.exception("shutdown hook failed", hook=hook, provider=type(provider).__name__)


def _arguments_taken(method: Callable[..., Any], given: tuple[str, ...], place: str) -> int:
    """How many of the given arguments a hook takes."""
    taken = 0
    for parameter in inspect.signature(method).parameters.values():
        if parameter.kind is inspect.Parameter.VAR_POSITIONAL:
            taken = len(given)
        elif parameter.kind in _POSITIONAL and taken < len(given):
            taken += 1
        elif (
            parameter.default is inspect.Parameter.empty
            and parameter.kind is not inspect.Parameter.VAR_KEYWORD
        ):
            raise BootError(
                f"{place}: nothing is given for parameter '{parameter.name}', as the hook gets "
                f"({', '.join(('self', *given))}) at most; leave it out or give it a default"
            )
    return taken
