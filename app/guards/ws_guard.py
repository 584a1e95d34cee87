"""The documented ``WsGuard``: every connection and every event needs a valid session."""

from collections.abc import Awaitable, Callable
from typing import Any, TypeVar

from app.domain.errors import AuthenticationCode, AuthenticationError
from app.framework import CanActivate, ExecutionContext, Reflector, set_metadata
from app.ports import Clock
from app.services.session_service import SessionService
from app.sockets.authenticated_socket import AuthenticatedSocket

_ALLOWS_EXPIRED_SESSION = "allows_expired_session"

Decorated = TypeVar("Decorated", bound=Callable[..., Any])


def allow_expired_session() -> Callable[[Decorated], Decorated]:
    """Allow the handler's event even if the session has expired.

    Events of revoked sessions are still rejected. After the grace period, the socket is
    disconnected, so it can send no more events.
    """
    return set_metadata(_ALLOWS_EXPIRED_SESSION, value=True)


class WsGuard(CanActivate):
    """Authenticates connecting sockets, and checks the sessions of connected sockets in memory.

    Nest runs guards before each event only. Here guards also run when a socket connects, so a token
    is verified once, and each event needs only two comparisons.
    """

    def __init__(self, sessions: SessionService, clock: Clock) -> None:
        self._sessions = sessions
        self._clock = clock
        self._reflector = Reflector()

    def can_activate(self, context: ExecutionContext) -> bool | Awaitable[bool]:
        """Return True, or raise an error whose code the client receives.

        For a socket with a session this returns a bool, which is faster than a coroutine.

        Raises:
            AuthenticationError: The socket has no valid session; the code gives the reason.
        """
        client: AuthenticatedSocket = context.get_client()
        session = client.session
        if session is None:
            return self._authenticate(client)
        if session.revoked:
            raise AuthenticationError(AuthenticationCode.REVOKED)
        is_expired = self._clock.monotonic() >= session.expires_at
        if is_expired and not self._reflector.get(_ALLOWS_EXPIRED_SESSION, context.get_handler()):
            raise AuthenticationError(AuthenticationCode.TOKEN_EXPIRED)
        return True

    async def _authenticate(self, client: AuthenticatedSocket) -> bool:
        # Step 1: extract the token; headers and the query string are never read
        token = client.handshake.auth.get("token")

        # Steps 2 and 3: verify with Clerk, enhance the socket with user data
        client.authenticate(await self._sessions.open(token, client.handshake.address, client))
        return True
