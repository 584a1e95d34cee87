"""The HTTP endpoints that the web site uses."""

from typing import Annotated, Any

from app.framework import ParseIntPipe, Query, controller, get
from tests.ports.lobby.lobby_dto import LobbyDto
from tests.ports.lobby.lobby_gateway import LobbyGateway
from tests.ports.lobby.lobby_service import LobbyService


@controller("lobbies")
class LobbyController:
    """``GET /lobbies`` and ``GET /lobbies/stats``."""

    def __init__(self, lobbies: LobbyService, gateway: LobbyGateway) -> None:
        self._lobbies = lobbies
        self._gateway = gateway

    @get()
    def list(
        self, limit: Annotated[int, Query("limit", ParseIntPipe(optional=True))] = 10
    ) -> list[LobbyDto]:
        return self._lobbies.list_open()[:limit]

    @get("stats")
    def stats(self) -> dict[str, Any]:
        server = self._gateway.server
        browsing = server.adapter.rooms.get("browsing", ())
        return {"players": len(server.sockets), "browsing": len(browsing)}
