"""What a namespace does with its clients, and how its handlers reach them."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from app.framework.platform_socketio.socket_io.socket_link import ServerSocketLink
from app.framework.websockets.connections import ConnectHandler, DisconnectHandler
from app.framework.websockets.pipeline import EventHandler
from app.framework.websockets.socket import Socket
from app.framework.websockets.unknown_event import UnknownEventHandler


@dataclass(frozen=True, slots=True)
class CompiledNamespace:
    """What a namespace does: compiled once, at boot."""

    socket_class: type[Socket]
    connect: tuple[ConnectHandler, ...]
    disconnect: tuple[DisconnectHandler, ...]
    events: Mapping[str, EventHandler]
    unknown: UnknownEventHandler


class Acknowledgement:
    """The ack function a handler gets: the first call answers, later ones do nothing."""

    __slots__ = ("_link", "_packet_id")

    def __init__(self, link: ServerSocketLink, packet_id: int) -> None:
        self._link: ServerSocketLink | None = link
        self._packet_id = packet_id

    def __call__(self, *args: Any) -> None:
        """Answer the client."""
        link = self._link
        if link is not None:
            # Given up only then: an answer without a JSON form raises, and the error is told here.
            link.ack(self._packet_id, args)
            self._link = None
