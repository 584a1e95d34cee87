"""The gateway of the matches. Each match has a namespace of its own."""

import re
from typing import Annotated, Any

from app.framework import (
    ConnectedSocket,
    MessageBody,
    ParseEnumPipe,
    ParseIntPipe,
    Server,
    Socket,
    WebSocketServer,
    WsException,
    create_param_decorator,
    subscribe_message,
    use_filters,
    web_socket_gateway,
)
from app.framework.schedule import SchedulerRegistry
from tests.ports.game.events import Emote, GameEvent
from tests.ports.game.filters import IllegalMoveFilter
from tests.ports.game.match import Match
from tests.ports.game.matches_service import MatchesService

CLOSE_MS = 5_000

CurrentMatch = create_param_decorator(lambda _, context: context.get_client().data["match"])
Player = create_param_decorator(lambda _, context: context.get_client().data["player"])


@web_socket_gateway(namespace=re.compile(r"/match-(?P<id>\d+)"), cors=True)
@use_filters(IllegalMoveFilter)
class MatchGateway:
    """Plays one match per namespace."""

    server = WebSocketServer()

    def __init__(self, matches: MatchesService, registry: SchedulerRegistry) -> None:
        self._matches = matches
        self._registry = registry

    def after_init(self, server: Server) -> None:
        server.use(self._seat)

    async def handle_connection(self, client: Socket) -> None:
        await client.join(client.data["match"].id)
        client.nsp.emit(GameEvent.STATE, self._state(client.data["match"], client.nsp))

    def handle_disconnect(self, client: Socket) -> None:
        match, player = client.data["match"], client.data["player"]
        self._matches.end(match, match.opponent_of(player), "left")

    @subscribe_message(GameEvent.MOVE)
    def move(
        self,
        client: Annotated[Socket, ConnectedSocket()],
        match: Annotated[Match, CurrentMatch()],
        player: Annotated[str, Player()],
        cell: Annotated[int, MessageBody("cell", ParseIntPipe)],
    ) -> dict[str, Any]:
        self._matches.move(match, player, cell)
        state = self._state(match, client.nsp)
        client.broadcast.emit(GameEvent.STATE, state)
        return state

    @subscribe_message(GameEvent.POINTER)
    def pointer(self, client: Socket, position: Any) -> None:
        """Show the opponent where the player points; a slow opponent may miss it."""
        client.broadcast.volatile.emit(GameEvent.POINTER, position)

    @subscribe_message(GameEvent.EMOTE)
    def emote(
        self,
        client: Annotated[Socket, ConnectedSocket()],
        player: Annotated[str, Player()],
        emote: Annotated[
            Emote, MessageBody("emote", ParseEnumPipe(Emote, optional=True))
        ] = Emote.WAVE,
    ) -> None:
        client.nsp.emit(GameEvent.EMOTE, {"player": player, "emote": emote})

    def announce_end(self, match: Match, reason: str) -> None:
        """Send the result to the players of a match, and disconnect them after `CLOSE_MS`."""
        result = {"winner": match.winner, "reason": reason}
        self.server.to(match.id).emit(GameEvent.GAME_OVER, result)
        close = self.server.in_(match.id).disconnect_sockets
        self._registry.add_timeout(f"close:{match.id}", CLOSE_MS, close)

    def _seat(self, client: Socket) -> None:
        match = self._matches.find(client.nsp.params["id"])
        player = client.handshake.auth.get("player")
        if match is None or player not in match.players:
            raise WsException("there is no seat for you", code="no_seat")
        client.data.update(match=match, player=player)

    @staticmethod
    def _state(match: Match, namespace: Server) -> dict[str, Any]:
        return {"cells": match.cells, "turn": match.current, "present": len(namespace.sockets)}
