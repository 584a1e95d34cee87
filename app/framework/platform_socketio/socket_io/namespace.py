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
        socket_class: The class of the sockets that handlers receive.
        connect: Admit or reject a socket, in this order.
        disconnect: Run when a socket has disconnected, in this order.
        events: Handle an event, by its name.
        unknown: Answers an event without a handler.
    """

    socket_class: type[Socket]
    connect: tuple[ConnectHandler, ...]
    disconnect: tuple[DisconnectHandler, ...]
    events: Mapping[str, EventHandler]
    unknown: UnknownEventHandler
