"""The documented ``BaseGateway``: what every gateway of the chat does with a client."""

from app.domain.errors import AuthenticationCode, AuthenticationError
from app.domain.ids import UserId
from app.framework import WebSocketServer
from app.services.session_service import SessionService
from app.sockets.authenticated_socket import AuthenticatedSocket


class BaseGateway:
    """Base of gateways that speak to authenticated users.

    The document's first layer, `WsGuard`, stands on the subclass and has run before
    ``handle_connection``; `validate_client` is the second.
    """

    server = WebSocketServer()

    def __init__(self, session_service: SessionService) -> None:
        self._sessions = session_service

    def validate_client(self, client: AuthenticatedSocket) -> bool:
        """Whether the client is authenticated and was not revoked since; else it is refused.

        A gateway that forgot its `WsGuard` lets nobody in.
        """
        if client.session is None:
            client.end_session(AuthenticationError(AuthenticationCode.TOKEN_MISSING))
            return False
        return not client.session.revoked

    def get_client_user_id(self, client: AuthenticatedSocket) -> UserId | None:
        """The user of an authenticated client, None for a refused one."""
        return None if client.session is None else client.user_id

    async def handle_disconnect(self, client: AuthenticatedSocket, _reason: str) -> None:
        """End the session, if there was one. Subclasses clean up first, then call this."""
        if client.session is not None:
            self._sessions.close(client.session)
