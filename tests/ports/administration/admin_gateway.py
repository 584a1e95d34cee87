"""The events with which staff members count, mute and disconnect visitors."""

from collections.abc import Iterable
from typing import Annotated, Any

from app.framework import (
    FieldError,
    MessageBody,
    Server,
    Socket,
    ValidationPipe,
    WebSocketServer,
    WsException,
    subscribe_message,
    use_pipes,
    web_socket_gateway,
)
from app.framework.schedule import CronExpression, cron
from tests.ports.administration.admin_dto import MuteDto
from tests.ports.administration.roles import roles
from tests.ports.administration.sessions import Role, SessionStore
from tests.ports.administration.visitors_gateway import VisitorsGateway


def describe_errors(errors: Iterable[FieldError]) -> Exception:
    """Return the error of invalid payloads, in the form that the site's frontend expects."""
    return WsException({"type": "validation", "fields": [each["path"] for each in errors]})


@web_socket_gateway(namespace="admin")
@roles(Role.MODERATOR, Role.ADMIN)
@use_pipes(ValidationPipe(forbid_non_whitelisted=True, exception_factory=describe_errors))
class AdminGateway:
    """The gateway of the staff's namespace, ``/admin``."""

    server = WebSocketServer()

    def __init__(self, visitors: VisitorsGateway, sessions: SessionStore) -> None:
        self._visitors = visitors
        self._sessions = sessions

    def after_init(self, server: Server) -> None:
        server.use(self._identify)

    @subscribe_message("stats")
    def stats(self) -> dict[str, Any]:
        visitors = self.server.of("/")
        return {
            "connections": visitors.engine.clients_count,
            "visitors": len(visitors.sockets),
            "rooms": {
                room: len(members)
                for room, members in visitors.adapter.rooms.items()
                if room not in visitors.adapter.sids
            },
        }

    @cron(CronExpression.EVERY_MINUTE)
    def send_stats(self) -> None:
        self.server.emit("stats", self.stats())

    @subscribe_message("mute")
    async def mute(self, dto: Annotated[MuteDto, MessageBody()]) -> bool:
        await self._visitors.sockets_of(dto.name)
        sockets = self._visitors.server.in_(f"visitor:{dto.name}")
        await (sockets.sockets_join("muted") if dto.muted else sockets.sockets_leave("muted"))
        sockets.emit("muted", dto.muted)
        return dto.muted

    @subscribe_message("kick")
    @roles(Role.ADMIN)
    async def kick(self, name: Annotated[str, MessageBody("name")]) -> int:
        sockets = await self._visitors.sockets_of(name)
        for socket in sockets:
            socket.disconnect(close=True)
        self.server.emit("kicked", name)
        return len(sockets)

    def _identify(self, client: Socket) -> None:
        client.data["user"] = self._sessions.user_of(client.handshake.headers.get("cookie"))
