"""The events of players."""

from typing import Annotated, Any

from app.framework import (
    ConnectedSocket,
    MessageBody,
    Server,
    Socket,
    WebSocketServer,
    WsException,
    WsResponse,
    create_param_decorator,
    subscribe_message,
    use_filters,
    web_socket_gateway,
)
from tests.ports.lobby.lobby_dto import CreateLobbyDto, LobbyDto
from tests.ports.lobby.lobby_events import ClientEvent, ServerEvent
from tests.ports.lobby.lobby_exceptions import LobbyExceptionFilter
from tests.ports.lobby.lobby_service import LobbyService

Player = create_param_decorator(lambda _, context: context.switch_to_ws().get_client().data["name"])


@web_socket_gateway(namespace="lobby", cors=True)
@use_filters(LobbyExceptionFilter)
class LobbyGateway:
    """Handles the events of the namespace ``/lobby``. Each lobby has a Socket.IO room."""

    server = WebSocketServer()

    def __init__(self, lobbies: LobbyService) -> None:
        self._lobbies = lobbies

    def after_init(self, server: Server) -> None:
        server.use(self._name_player)

    async def handle_connection(self, client: Socket) -> None:
        await client.join("browsing")
        client.emit(ServerEvent.LOBBIES, self._lobbies.list_open())

    async def handle_disconnect(self, client: Socket) -> None:
        if "lobby" in client.data:
            await self._remove(client)

    @subscribe_message(ClientEvent.CREATE)
    async def create(
        self,
        client: Annotated[Socket, ConnectedSocket()],
        player: Annotated[str, Player()],
        dto: Annotated[CreateLobbyDto, MessageBody()],
    ) -> LobbyDto:
        lobby = self._lobbies.create(player, dto)
        await self._enter(client, lobby)
        return lobby

    @subscribe_message(ClientEvent.JOIN)
    async def join(
        self,
        client: Annotated[Socket, ConnectedSocket()],
        player: Annotated[str, Player()],
        lobby_id: Annotated[str, MessageBody("lobbyId")],
    ) -> LobbyDto:
        lobby = self._lobbies.join(lobby_id, player)
        await self._enter(client, lobby)
        client.to(lobby.id).emit(ServerEvent.STATE, lobby)
        return lobby

    @subscribe_message(ClientEvent.LEAVE)
    async def leave(
        self, client: Annotated[Socket, ConnectedSocket()]
    ) -> WsResponse[list[LobbyDto]]:
        self._current(client)
        await self._remove(client)
        await client.join("browsing")
        return WsResponse(ServerEvent.LOBBIES, self._lobbies.list_open())

    @subscribe_message(ClientEvent.KICK)
    async def kick(
        self,
        client: Annotated[Socket, ConnectedSocket()],
        player: Annotated[str, Player()],
        kicked: Annotated[str, MessageBody("player")],
    ) -> bool:
        lobby = self._lobbies.require_host(self._current(client), player)
        for each in await self.server.in_(lobby.id).fetch_sockets():
            if each.data["name"] == kicked:
                each.emit(ServerEvent.KICKED, {"by": player})
                each.disconnect(True)  # noqa: FBT003 - socket.io's signature
                return True
        return False

    @subscribe_message(ClientEvent.START)
    async def start(
        self,
        client: Annotated[Socket, ConnectedSocket()],
        player: Annotated[str, Player()],
    ) -> dict[str, int]:
        lobby = self._lobbies.require_host(self._current(client), player)
        countdown_ms = await self._lobbies.start(lobby)
        self.server.to(lobby.id).emit(ServerEvent.COUNTDOWN, countdown_ms)
        self._publish_open()
        return {"countdownMs": countdown_ms}

    async def ask_ready(self, lobby_id: str, timeout_seconds: float) -> list[Any]:
        room = self.server.to(lobby_id)
        return await room.emit_with_ack(
            ServerEvent.READY_CHECK, "ready", timeout_seconds=timeout_seconds
        )

    def launch(self, lobby: LobbyDto) -> None:
        """Send the name of their match to the players of a lobby, and empty the room."""
        room = self.server.in_(lobby.id)
        room.emit(ServerEvent.STARTED, {"match": f"match-{lobby.id}", "players": lobby.players})
        for each in room.local_sockets():
            del each.data["lobby"]
        room.sockets_leave(lobby.id)

    async def _name_player(self, client: Socket) -> None:
        name = client.handshake.auth.get("name")
        if not isinstance(name, str) or not name:
            raise WsException("A name is required.", code="no_name")
        if any(each.data.get("name") == name for each in self.server.sockets.values()):
            raise WsException(f"{name} is taken.", code="name_taken")
        client.data["name"] = name

    async def _enter(self, client: Socket, lobby: LobbyDto) -> None:
        await client.leave("browsing")
        await client.join(lobby.id)
        client.data["lobby"] = lobby.id
        self._publish_open()

    async def _remove(self, client: Socket) -> None:
        lobby_id = client.data.pop("lobby")
        await client.leave(lobby_id)
        lobby = self._lobbies.leave(lobby_id, client.data["name"])
        if lobby is not None:
            self.server.to(lobby_id).emit(ServerEvent.STATE, lobby)
        self._publish_open()

    def _current(self, client: Socket) -> str:
        lobby_id: str | None = client.data.get("lobby")
        if lobby_id is None:
            raise WsException("You are in no lobby.", code="no_lobby")
        return lobby_id

    def _publish_open(self) -> None:
        self.server.to("browsing").emit(ServerEvent.LOBBIES, self._lobbies.list_open())
