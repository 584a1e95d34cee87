"""The lobbies and their rules."""

from __future__ import annotations

from itertools import count
from typing import TYPE_CHECKING

from app.framework import AckTimeoutError, ForwardRef
from app.framework.config import ConfigService
from app.framework.schedule import SchedulerRegistry
from tests.ports.lobby.lobby_dto import CreateLobbyDto, LobbyDto
from tests.ports.lobby.lobby_exceptions import LobbyError
from tests.ports.lobby.lobby_settings import LobbySettings

if TYPE_CHECKING:
    from tests.ports.lobby.lobby_gateway import LobbyGateway


class LobbyService:
    """Keeps the lobbies; the gateway and this service use each other."""

    def __init__(
        self,
        config: ConfigService[LobbySettings],
        scheduler: SchedulerRegistry,
        gateway: ForwardRef[LobbyGateway],
    ) -> None:
        self._settings = config.settings
        self._scheduler = scheduler
        self._gateway = gateway
        self._lobbies: dict[str, LobbyDto] = {}
        self._ids = count(1)

    def list_open(self) -> list[LobbyDto]:
        return [each for each in self._lobbies.values() if not each.starting]

    def create(self, host: str, dto: CreateLobbyDto) -> LobbyDto:
        limit = min(dto.max_players or self._settings.max_players, self._settings.max_players)
        lobby = LobbyDto(
            id=f"lobby-{next(self._ids)}",
            title=dto.title,
            mode=dto.mode,
            host=host,
            players=[host],
            max_players=limit,
        )
        self._lobbies[lobby.id] = lobby
        return lobby

    def join(self, lobby_id: str, player: str) -> LobbyDto:
        lobby = self._find(lobby_id)
        if player in lobby.players:
            raise LobbyError("already_joined", f"{player} is already in {lobby_id}.")
        if len(lobby.players) >= lobby.max_players:
            raise LobbyError("lobby_full", f"{lobby.title} is full.")
        lobby.players.append(player)
        return lobby

    def leave(self, lobby_id: str, player: str) -> LobbyDto | None:
        """Remove a player. Returns the lobby, or None if no player is left."""
        lobby = self._find(lobby_id)
        lobby.players.remove(player)
        self._cancel_countdown(lobby)
        if not lobby.players:
            del self._lobbies[lobby_id]
            return None
        if lobby.host == player:
            lobby.host = lobby.players[0]
        return lobby

    def require_host(self, lobby_id: str, player: str) -> LobbyDto:
        lobby = self._find(lobby_id)
        if lobby.host != player:
            raise LobbyError("not_host", f"Only {lobby.host} may do that.")
        return lobby

    async def start(self, lobby: LobbyDto) -> int:
        """Ask all players whether they are ready, then start the countdown."""
        try:
            answers = await self._gateway().ask_ready(lobby.id, self._settings.ready_seconds)
        except AckTimeoutError as error:
            raise LobbyError("not_ready", f"{len(error.responses)} players are ready.") from None
        if not all(answers):
            raise LobbyError("not_ready", "A player is not ready.")
        lobby.starting = True
        self._scheduler.add_timeout(
            lobby.id, self._settings.countdown_ms, lambda: self._launch(lobby)
        )
        return self._settings.countdown_ms

    def _launch(self, lobby: LobbyDto) -> None:
        del self._lobbies[lobby.id]
        self._gateway().launch(lobby)

    def _cancel_countdown(self, lobby: LobbyDto) -> None:
        if lobby.starting:
            self._scheduler.delete_timeout(lobby.id)
            lobby.starting = False

    def _find(self, lobby_id: str) -> LobbyDto:
        if lobby_id not in self._lobbies:
            raise LobbyError("no_lobby", f"There is no lobby {lobby_id}.")
        return self._lobbies[lobby_id]
