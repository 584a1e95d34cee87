"""The lifecycle hooks of gateways, as Protocols.

A gateway defines the methods that it needs, sync or async.
"""

from collections.abc import Awaitable
from typing import Any, Protocol, runtime_checkable

from app.framework.common.hooks import HookArguments
from app.framework.websockets.server import Server

GATEWAY_HOOKS: HookArguments = {
    "after_init": ("server",),
    "handle_connection": ("client",),
    "handle_disconnect": ("client", "reason"),
}
"""The hooks of gateways and their arguments. Gateways also have the hooks of every provider."""


@runtime_checkable
class OnGatewayInit(Protocol):
    """Runs once at boot, after the gateway's server was created and before ``on_module_init``."""

    def after_init(self, server: Server) -> Any:
        """Use the server. This method may be async."""


@runtime_checkable
class OnGatewayConnection(Protocol):
    """Runs for each socket that passed the guards. The socket's events wait until the hook returns.

    If the hook raises, the socket is refused.
    """

    def handle_connection(self, client: Any) -> Awaitable[None] | None:
        """Prepare the socket, for example join rooms. Raise an error to refuse the socket."""


@runtime_checkable
class OnGatewayDisconnect(Protocol):
    """Runs once for each socket, admitted or not, after the socket's last event.

    ``client.rooms`` is empty when the hook runs. ``reason`` is a `DisconnectReason`.
    """

    def handle_disconnect(self, client: Any, reason: str) -> Awaitable[None] | None:
        """Clean up. If this raises, the error is logged."""
