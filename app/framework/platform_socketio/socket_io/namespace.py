"""`CompiledNamespace`: the compiled handlers of one namespace."""

from collections.abc import Mapping
from dataclasses import dataclass

from app.framework.websockets.connections import ConnectHandler, DisconnectHandler
from app.framework.websockets.pipeline import EventHandler
from app.framework.websockets.socket import Socket
from app.framework.websockets.socket_api.listeners import DisconnectingListener
from app.framework.websockets.unknown_event import UnknownEventHandler


@dataclass(frozen=True, slots=True)
class CompiledNamespace:
    """The handlers of a namespace, compiled once at boot.

    Attributes:
        socket_class: The class of the namespace's sockets; see `IoOptions`.
        connect: The function that `compile_connect` returned; empty if it returned None.
        disconnect: The results of `compile_disconnect`. They are called in this order after a
            disconnect.
        disconnecting: The listeners of one socket; they are called before it leaves its rooms.
    """

    socket_class: type[Socket]
    connect: tuple[ConnectHandler, ...]
    disconnect: tuple[DisconnectHandler, ...]
    events: Mapping[str, EventHandler]
    unknown: UnknownEventHandler
    disconnecting: tuple[DisconnectingListener, ...] = ()
