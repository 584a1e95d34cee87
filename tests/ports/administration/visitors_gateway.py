"""The gateway of all visitors, who connect to the root namespace."""

from app.framework import (
    DisconnectReason,
    RemoteSocket,
    Server,
    Socket,
    WebSocketServer,
    WsException,
    subscribe_message,
    web_socket_gateway,
)
from tests.ports.administration.errors import NobodyThere
from tests.ports.administration.sessions import SessionStore


@web_socket_gateway()
class VisitorsGateway:
    """Puts the sockets of each visitor into the room ``visitor:NAME``."""

    server = WebSocketServer()

    def __init__(self, sessions: SessionStore) -> None:
        self._sessions = sessions
        self.is_closed_for_maintenance = False
        self.departures: list[str] = []

    def after_init(self, server: Server) -> None:
        server.use(self._identify)
        server.use(self._refuse_during_maintenance)

    async def handle_connection(self, client: Socket) -> None:
        await client.join(["visitors", f"visitor:{client.data['user'].name}"])
        client.on("typing", lambda: client.to("visitors").emit("typing", client.data["user"].name))

    def handle_disconnect(self, client: Socket, reason: DisconnectReason) -> None:
        self.departures.append(f"{client.data['user'].name}: {reason}")

    @subscribe_message("say")
    def say(self, client: Socket, text: str) -> int:
        """Send a text to all other sockets, unless the visitor is muted."""
        if "muted" in client.rooms:
            raise WsException("you are muted", code="muted")
        self.server.except_(client.id).emit("said", {"who": client.data["user"].name, "text": text})
        return len(self.server.sockets) - 1

    async def sockets_of(self, name: str) -> tuple[Socket | RemoteSocket, ...]:
        """Return the sockets of a visitor; raise `NobodyThere` if there are none."""
        sockets = await self.server.in_(f"visitor:{name}").fetch_sockets()
        if not sockets:
            raise NobodyThere(name)
        return sockets

    def _identify(self, client: Socket) -> None:
        user = self._sessions.user_of(client.handshake.headers.get("cookie"))
        if user is None:
            raise WsException("sign in first", code="unauthorized")
        client.data["user"] = user

    async def _refuse_during_maintenance(self, client: Socket) -> None:
        if self.is_closed_for_maintenance:
            name = client.data["user"].name
            raise WsException(f"closed for maintenance, {name}", code="maintenance")
