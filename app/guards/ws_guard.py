"""The documented ``WsGuard``: no event, and no connection, without a verified session."""

from collections.abc import Awaitable

from app.domain.errors import AuthenticationCode
from app.framework import CanActivate, ExecutionContext
from app.services.session_service import SessionService
from app.sockets.authenticated_socket import AuthenticatedSocket

_BEARER = "bearer "


class WsGuard(CanActivate):
    """Authenticates a socket that has no session; checks the session of one that has, in memory.

    Nest runs it before each event only. Here it also runs when a socket connects, so every event
    after that costs two comparisons instead of a verification.
    """

    def __init__(self, sessions: SessionService, *, accept_bearer: bool) -> None:
        self._sessions = sessions
        self._accept_bearer = accept_bearer

    def can_activate(self, context: ExecutionContext) -> bool | Awaitable[bool]:
        """True, always: a refusal is raised, so that the client learns its code.

        At once where there is a session: an event does not pay for a coroutine.

        Raises:
            AuthenticationError: By the rule broken.
        """
        client: AuthenticatedSocket = context.switch_to_ws().get_client()
        if client.session is None:
            return self._authenticate(client)
        self._sessions.check(client.session)
        return True

    async def _authenticate(self, client: AuthenticatedSocket) -> bool:
        # 1. Extract token
        token = await self._extract_token(client)

        # 2. Verify with Clerk
        principal = await self._sessions.authenticate(token, client.handshake.address)

        # 3. Enhance socket with user data
        client.session = self._sessions.open(principal, token, client)
        return True

    async def _extract_token(self, client: AuthenticatedSocket) -> str:
        """``handshake.auth.token``; a header or the query string is never read."""
        token = client.handshake.auth.get("token")
        if not token:
            code = AuthenticationCode.TOKEN_MISSING
        elif not isinstance(token, str):
            code = AuthenticationCode.TOKEN_MALFORMED
        elif token[: len(_BEARER)].lower() != _BEARER:
            return token
        elif self._accept_bearer:
            return token[len(_BEARER) :].strip()
        else:
            code = AuthenticationCode.BEARER_PREFIX
        return await self._sessions.refuse(code, client.handshake.address)
