"""The events of presence. Each team has a namespace."""

from typing import Annotated, Any

from app.framework import (
    DisconnectReason,
    MessageBody,
    ParseArrayPipe,
    Server,
    WebSocketServer,
    subscribe_message,
    web_socket_gateway,
)
from app.framework.event_emitter import on_event
from tests.ports.presence.member_socket import MemberSocket, Team, identify
from tests.ports.presence.presence import PRESENCE_CHANGED, Presence
from tests.ports.presence.presence_service import PresenceService


@web_socket_gateway(namespace="/teams/:team", cors=True, ping_interval_seconds=10)
class PresenceGateway:
    """Publishes the presence of each member to the other members of the team."""

    server = WebSocketServer()

    def __init__(self, presence: PresenceService) -> None:
        self._presence = presence

    def after_init(self, server: Server) -> None:
        server.use(identify)

    async def handle_connection(self, client: MemberSocket) -> None:
        await client.join([f"team:{client.team}", f"user:{client.user}"])
        client.on("activity", lambda: self._presence.be_active(client.team, client.user))
        client.emit("snapshot", self._presence.members(client.team))
        self._presence.arrive(client.team, client.user)

    def handle_disconnect(self, client: MemberSocket, reason: DisconnectReason) -> None:
        client.nsp.to("debug").emit("left", client.user, reason)
        if f"user:{client.user}" not in client.nsp.adapter.rooms:
            self._presence.leave(client.team, client.user)

    @on_event(PRESENCE_CHANGED)
    def show(self, presence: Presence) -> None:
        room = self.server.to(f"team:{presence.team}")
        room.except_(f"user:{presence.user}").emit("presence", presence)

    @subscribe_message("devices")
    async def devices(self, client: MemberSocket, user: str) -> dict[str, Any]:
        """Return the number and the rooms of a user's sockets.

        The parameters have no markers: they receive the client and the data by position.
        """
        sockets = await client.nsp.in_(f"user:{user}").fetch_sockets()
        sids = client.nsp.adapter.sids
        return {
            "namespace": client.nsp.name,
            "count": len(sockets),
            "rooms": {room for each in sockets for room in sids[each.id] if room != each.id},
        }

    @subscribe_message("debug")
    def debug(self, client: MemberSocket, on: bool) -> list[str]:  # noqa: FBT001 - the payload
        (client.join if on else client.leave)("debug")
        return list(client.rooms)[1:]

    @subscribe_message("presence")
    def presence_of(
        self,
        team: Team,
        users: Annotated[list[str], MessageBody("users", ParseArrayPipe(items=str))],
    ) -> list[Presence]:
        return [each for each in self._presence.members(team) if each.user in users]

    def before_application_shutdown(self, signal: str | None) -> None:
        self.server.emit("bye", signal)
