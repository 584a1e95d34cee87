"""A gateway without event handlers, which notifies clients before this node closes."""

from random import randint

from app.domain.events import ServerEvent
from app.framework import WebSocketServer, web_socket_gateway

_SOONEST_MS, _LATEST_MS = 500, 5_000
"""The range of the random delay after which a client should reconnect."""


@web_socket_gateway()
class DrainNotice:
    """Sends ``server:draining`` before the server disconnects its clients."""

    server = WebSocketServer()

    def send(self) -> None:
        """Send every socket a random reconnect delay."""
        for socket in self.server.local_sockets():
            delay_ms = randint(_SOONEST_MS, _LATEST_MS)  # noqa: S311 - no secret
            socket.emit(ServerEvent.SERVER_DRAINING, {"reconnectAfterMs": delay_ms})
