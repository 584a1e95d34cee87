"""Handles the events of writers (``status``, ``typing``) in the namespaces of `PresenceGateway`."""

from typing import Annotated

from app.framework import (
    ConnectedSocket,
    DefaultValuePipe,
    MessageBody,
    subscribe_message,
    use_guards,
    use_interceptors,
    web_socket_gateway,
)
from tests.ports.presence.member_socket import (
    EventInterceptor,
    MemberSocket,
    Team,
    UserName,
    WriterGuard,
)
from tests.ports.presence.presence import Presence
from tests.ports.presence.presence_service import PresenceService


@web_socket_gateway(namespace="/teams/:team", cors=True)
@use_guards(WriterGuard)
class StatusGateway:
    """Handles the events of writers. Readers are in the same namespaces."""

    def __init__(self, presence: PresenceService) -> None:
        self._presence = presence

    @subscribe_message("status")
    @use_interceptors(EventInterceptor)
    def set_status(
        self,
        team: Team,
        user: UserName,
        text: Annotated[str, MessageBody("text", DefaultValuePipe("here"))],
    ) -> Presence:
        return self._presence.set_text(team, user, text)

    @subscribe_message("typing")
    def typing(self, client: Annotated[MemberSocket, ConnectedSocket()], user: UserName) -> None:
        client.broadcast.volatile.emit("typing", user)
