"""The hooks of Nest's life cycle, as Protocols; a provider has a hook by having the method.

Start: constructors, ``after_init``, ``on_module_init``, ``on_application_bootstrap``, listening.
Stop: ``on_drain`` (not in Nest), a time in which everything is still served,
``on_module_destroy``, ``before_application_shutdown``, servers closed (which runs
``handle_disconnect`` for every socket), ``on_application_shutdown``.

Within a phase a provider's turn comes after those of the providers it was built from; when
stopping, before them.
"""

import inspect
from collections.abc import Sequence
from typing import Any, Protocol, runtime_checkable

import structlog

from app.framework.socket import Server

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


async def run_hooks(hook: str, providers: Sequence[object], *args: object) -> None:
    """Run a hook on all who have it, one after the other; the first error stops the start."""
    for provider in providers:
        method = getattr(provider, hook, None)
        if method is not None:
            result = method(*args)
            if inspect.isawaitable(result):
                await result


async def run_closing_hooks(hook: str, providers: Sequence[object], *args: object) -> None:
    """As `run_hooks`, but an error is logged and the others still run: closing must end."""
    for provider in providers:
        try:
            await run_hooks(hook, (provider,), *args)
        except Exception:  # noqa: BLE001 - one hook must not keep the others from closing
            _log.exception("shutdown hook failed", hook=hook, provider=type(provider).__name__)
