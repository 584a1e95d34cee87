"""Tells clients that this node is about to close: a gateway without events."""

from random import randint

from app.domain.events import ServerEvent
from app.framework import WebSocketServer, web_socket_gateway

_SOONEST_MS, _LATEST_MS = 500, 5_000
"""Clients that follow the notice come back evenly between these, not all at once."""


@web_socket_gateway()
class DrainNotice:
    """Sends ``server:draining`` before the server closes, unless Ctrl-C closes it."""

    server = WebSocketServer()

    async def before_application_shutdown(self, signal: str | None) -> None:
        """Tell every socket, each another time."""
        if signal in {None, "SIGINT"}:
            return
        for socket in self.server.fetch_sockets():
            delay_ms = randint(_SOONEST_MS, _LATEST_MS)  # noqa: S311 - no secret
            socket.emit(ServerEvent.SERVER_DRAINING, {"reconnectAfterMs": delay_ms})
