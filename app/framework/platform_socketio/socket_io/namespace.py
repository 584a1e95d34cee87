"""`CompiledNamespace`: the compiled handlers of one namespace."""

from collections.abc import Mapping
from dataclasses import dataclass

from app.framework.websockets.connections import ConnectHandler, DisconnectHandler
from app.framework.websockets.pipeline import EventHandler
from app.framework.websockets.socket import Socket
from app.framework.websockets.unknown_event import UnknownEventHandler


@dataclass(frozen=True, slots=True)
class CompiledNamespace:
    """The handlers of a namespace, compiled once at boot.

    Attributes:
        socket_class: `IoOptions.socket_class`.
        connect: The results of `compile_connect`, which admit or reject a socket, in this order.
        disconnect: The results of `compile_disconnect`, which run after a disconnect, in this
            order.
    """

    socket_class: type[Socket]
    connect: tuple[ConnectHandler, ...]
    disconnect: tuple[DisconnectHandler, ...]
    events: Mapping[str, EventHandler]
    unknown: UnknownEventHandler
