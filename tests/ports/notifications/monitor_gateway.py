"""The events of the shop's staff."""

from typing import Any

from app.framework import (
    CanActivate,
    ExecutionContext,
    WebSocketServer,
    subscribe_message,
    use_guards,
    web_socket_gateway,
)
from app.framework.config import ConfigService
from tests.ports.notifications.notifications_gateway import MUTED
from tests.ports.notifications.settings import NotificationSettings


class ApiKeyGuard(CanActivate):
    """Checks the key, which clients send in ``auth`` and services send in a header."""

    def __init__(self, config: ConfigService[NotificationSettings]) -> None:
        self._key = config.settings.api_key.get_secret_value()

    def can_activate(self, context: ExecutionContext) -> bool:
        if context.get_type() == "http":
            given = context.switch_to_http().get_request().headers.get("X-API-Key")
        else:
            given = context.switch_to_ws().get_client().handshake.auth.get("key")
        return bool(given == self._key)


@web_socket_gateway(namespace="monitor", path="/live")
@use_guards(ApiKeyGuard)
class MonitorGateway:
    """Controls the pages, which are in another namespace, through ``server.of``."""

    server = WebSocketServer()

    @subscribe_message("stats")
    def stats(self) -> dict[str, Any]:
        pages = self.server.of("notifications")
        return {
            "pages": len(pages.sockets),
            "connections": self.server.engine.clients_count,
            "users": sorted(room for room in pages.adapter.rooms if room.startswith("user:")),
        }

    @subscribe_message("announce")
    def announce(self, _: Any, text: str) -> None:
        self.server.of("notifications").except_(MUTED).emit("announcement", text)

    @subscribe_message("sign out")
    async def sign_out(self, _: Any, user: str) -> int:
        pages = self.server.of("notifications").in_([f"user:{user}"])
        count = len(await pages.fetch_sockets())
        await pages.disconnect_sockets()
        return count
