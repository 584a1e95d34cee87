"""The documented ``AuthenticatedSocket``: a socket with the session of its user."""

from datetime import datetime

from app.domain.errors import AuthenticationError
from app.domain.events import ServerEvent
from app.domain.ids import SocketId, UserId
from app.domain.session_expiry import SessionExpiry
from app.framework import Handshake, Socket
from app.framework.websockets.socket import SocketLink
from app.services.sessions.session import Session

_NO_SESSION = "the socket is not authenticated"


class AuthenticatedSocket(Socket):
    """A client of the gateway. `WsGuard` sets its ``session`` before any handler runs."""

    __slots__ = ("session",)

    id: SocketId

    def __init__(self, socket_id: str, handshake: Handshake, link: SocketLink) -> None:
        super().__init__(socket_id, handshake, link)
        self.session: Session | None = None

    @property
    def user_id(self) -> UserId:
        """The id of the socket's user: the token's ``sub``.

        Raises:
            AttributeError: The socket is not authenticated. Handlers never receive such a socket.
        """
        if self.session is None:  # like `require_session`, without a call on the path of an event
            raise AttributeError(_NO_SESSION)
        return self.session.user_id

    @property
    def user(self) -> dict[str, UserId]:
        """``{"id": user_id}``, as documented."""
        return {"id": self.user_id}

    def require_session(self) -> Session:
        """Return the session.

        Raises:
            AttributeError: The socket is not authenticated. Handlers never receive such a socket.
        """
        if self.session is None:
            raise AttributeError(_NO_SESSION)
        return self.session

    def warn_of_expiry(self, expires_at: datetime) -> None:
        """Warn the client that its token expires soon."""
        self.emit(ServerEvent.AUTH_EXPIRING, SessionExpiry(expires_at=expires_at))

    def end_session(self, error: AuthenticationError) -> None:
        """Send the reason to the client, and close its connection."""
        self.emit(ServerEvent.ERROR, error_notice(error.message, error.code, error.detail))
        self.disconnect(close=True)


def error_notice(message: str, code: str, detail: str) -> dict[str, str]:
    """Create the payload of the ``error`` event, which only authentication uses."""
    return {"message": message, "code": code, "detail": detail}
