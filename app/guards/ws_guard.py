"""The documented ``WsGuard``: no event, and no connection, without a verified session."""

from collections.abc import Awaitable

from app.domain.errors import AuthenticationCode, AuthenticationError
from app.framework import CanActivate, ExecutionContext, Reflector
from app.guards.expired_sessions import ALLOWS_EXPIRED_SESSION
from app.services.session_service import SessionService
from app.sockets.authenticated_socket import AuthenticatedSocket


class WsGuard(CanActivate):
    """Authenticates a socket that has no session; checks the session of one that has, in memory.

    Nest runs it before each event only. Here it also runs when a socket connects, so every event
    after that costs two comparisons instead of a verification.
    """

    def __init__(self, sessions: SessionService) -> None:
        self._sessions = sessions
        self._reflector = Reflector()

    def can_activate(self, context: ExecutionContext) -> bool | Awaitable[bool]:
        """True, always: a refusal is raised, so that the client learns its code.

        At once where there is a session: an event does not pay for a coroutine.

        Raises:
            AuthenticationError: By the rule broken.
        """
        client: AuthenticatedSocket = context.switch_to_ws().get_client()
        if client.session is None:
            return self._authenticate(client)
        try:
            self._sessions.check(client.session)
        except AuthenticationError as error:
            if error.code is not AuthenticationCode.TOKEN_EXPIRED or not self._reflector.get(
                ALLOWS_EXPIRED_SESSION, context.get_handler()
            ):
                raise
        return True

    async def _authenticate(self, client: AuthenticatedSocket) -> bool:
        # 1. Extract token: a header or the query string is never read
        token = client.handshake.auth.get("token")

        # 2. Verify with Clerk, 3. Enhance socket with user data
        client.session = await self._sessions.open(token, client.handshake.address, client)
        return True
