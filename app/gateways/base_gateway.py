"""The documented ``BaseGateway``: what every gateway of the chat does with a new client."""

from app.domain.ids import UserId
from app.framework import WebSocketServer
from app.sockets.authenticated_socket import AuthenticatedSocket


class BaseGateway:
    """Base of gateways that speak to authenticated users.

    The document's first layer, `WsGuard`, stands on the subclass and has run before
    ``handle_connection``; `validate_client` is the second.
    """

    server = WebSocketServer()

    def validate_client(self, client: AuthenticatedSocket) -> bool:
        """Whether the client is authenticated and was not revoked since."""
        return client.session is not None and not client.session.revoked

    def get_client_user_id(self, client: AuthenticatedSocket) -> UserId | None:
        """The user of an authenticated client, None for a refused one."""
        return None if client.session is None else client.user_id
