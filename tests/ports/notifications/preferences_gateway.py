"""The preferences of users: a second gateway of the same namespace."""

from collections.abc import Callable
from typing import Any

from app.framework import (
    CanActivate,
    ExecutionContext,
    Socket,
    WsException,
    subscribe_message,
    use_guards,
    web_socket_gateway,
)
from tests.ports.notifications.channels import CHANNELS
from tests.ports.notifications.notifications_gateway import MUTED
from tests.ports.notifications.notifications_service import NotificationsService


class KnownChannelGuard(CanActivate):
    """Admits an event whose payload is the name of a channel."""

    def can_activate(self, context: ExecutionContext) -> bool:
        if context.switch_to_ws().get_data() not in CHANNELS:
            raise WsException("There is no such channel.", code="no_channel")
        return True


@web_socket_gateway(namespace="notifications", path="/live")
class PreferencesGateway:
    """Stores the preferences of a user.

    The parameters of these handlers have no markers such as ``MessageBody()``: they receive the
    client, the data and the ack by position.
    """

    def __init__(self, notifications: NotificationsService) -> None:
        self._notifications = notifications

    @subscribe_message("mute")
    async def mute(self, client: Socket) -> None:
        await client.join(MUTED)

    @subscribe_message("muted?")
    def is_muted(self, client: Socket) -> bool:
        return MUTED in client.rooms

    @subscribe_message("channel")
    @use_guards(KnownChannelGuard)
    def choose_channel(self, client: Socket, name: str, ack: Callable[[Any], None] | None) -> None:
        self._notifications.channel_of[client.data["user"]] = name
        if ack is not None:
            ack({"channel": name})
