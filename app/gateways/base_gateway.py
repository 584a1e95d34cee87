"""The documented ``BaseGateway``: the base class of the chat's gateways."""

from app.domain.errors import AuthenticationCode, AuthenticationError
from app.domain.ids import UserId
from app.framework import WebSocketServer
from app.services.session_service import SessionService
from app.sockets.authenticated_socket import AuthenticatedSocket


class BaseGateway:
    """Base class of gateways for authenticated users.

    The documented first layer of authentication is `WsGuard`, which decorates the subclass and runs
    before ``handle_connection``. `validate_client` is the second layer.
    """

    server = WebSocketServer()

    def __init__(self, session_service: SessionService) -> None:
        self._sessions = session_service

    def validate_client(self, client: AuthenticatedSocket) -> bool:
        """Return whether the client has a session that is not revoked.

        A client without a session is disconnected, so a subclass without `WsGuard` admits no
        client.
        """
        if client.session is None:
            client.end_session(AuthenticationError(AuthenticationCode.TOKEN_MISSING))
            return False
        return not client.session.revoked

    def get_client_user_id(self, client: AuthenticatedSocket) -> UserId | None:
        """Return the user's id; None if the client is not authenticated."""
        return None if client.session is None else client.session.user_id

    async def handle_disconnect(self, client: AuthenticatedSocket, _reason: str) -> None:
        """Close the session, if there is one. Subclasses clean up first, then call this."""
        if client.session is not None:
            self._sessions.close(client.session)
