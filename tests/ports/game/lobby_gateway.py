"""The lobby, which pairs waiting players."""

from app.framework import (
    AckTimeoutError,
    RemoteSocket,
    Socket,
    WebSocketServer,
    WsException,
    subscribe_message,
    web_socket_gateway,
)
from app.framework.config import ConfigService
from app.framework.schedule import interval
from tests.ports.game.events import GameEvent
from tests.ports.game.matches_service import MatchesService
from tests.ports.game.settings import GameSettings

LEADERBOARD_MS = 60_000


@web_socket_gateway(namespace="lobby", cors=True)
class LobbyGateway:
    """Queues players, asks two of them whether they are ready, and starts their match."""

    server = WebSocketServer()

    def __init__(self, matches: MatchesService, config: ConfigService[GameSettings]) -> None:
        self._matches = matches
        self._ready_check_ms = config.get("ready_check_ms", int)

    @subscribe_message(GameEvent.QUEUE_JOIN)
    async def join_queue(self, client: Socket, player: str) -> str:
        client.data["player"] = player
        waiting = await self.server.in_("queue").fetch_sockets()
        await client.join("queue")
        if not waiting:
            return "queued"
        await self._pair(waiting[0], client)
        return "paired"

    @subscribe_message(GameEvent.QUEUE_LEAVE)
    async def leave_queue(self, client: Socket) -> bool:
        await client.leave("queue")
        return "queue" in client.rooms

    @interval(LEADERBOARD_MS)
    def show_leaderboard(self) -> None:
        self.server.emit(GameEvent.LEADERBOARD, self._matches.victories.most_common(10))

    async def _pair(self, first: Socket | RemoteSocket, second: Socket) -> None:
        table, pair = f"table:{first.id}", (first, second)
        for each in pair:
            await each.leave("queue")
            await each.join(table)
        try:
            ready = await self.server.to(table).emit_with_ack(
                GameEvent.READY_CHECK, table, timeout_seconds=self._ready_check_ms / 1000
            )
        except AckTimeoutError as error:
            raise WsException("the opponent is not ready", code="not_ready") from error
        if len(ready) < len(pair):
            raise WsException("the opponent has left", code="not_ready")
        match = self._matches.create(first.data["player"], second.data["player"])
        self.server.to(table).emit(GameEvent.MATCH_FOUND, {"namespace": f"/match-{match.id}"})
        await self.server.in_(table).sockets_leave(table)
