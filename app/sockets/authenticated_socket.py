"""The documented ``AuthenticatedSocket``: a socket with the session of its user."""

from datetime import datetime

from app.domain.errors import AuthenticationError
from app.domain.events import ServerEvent
from app.domain.ids import SocketId, UserId
from app.domain.session_expiry import SessionExpiry
from app.framework import Handshake, Socket
from app.framework.websockets.socket import SocketLink
from app.services.sessions.session import Session


class AuthenticatedSocket(Socket):
    """A client of the gateway. `WsGuard` authenticates the socket before any handler runs.

    Attributes:
        session: The session of the socket; None until the socket is authenticated.
        user_id: The id of the socket's user: the token's ``sub``. Reading the id before the socket
            is authenticated raises `AttributeError`.
    """

    __slots__ = ("session", "user_id")

    id: SocketId
    user_id: UserId

    def __init__(self, socket_id: str, handshake: Handshake, link: SocketLink) -> None:
        super().__init__(socket_id, handshake, link)
        self.session: Session | None = None

    def authenticate(self, session: Session) -> None:
        """Set the session and its user."""
        self.session = session
        self.user_id = session.user_id

    @property
    def user(self) -> dict[str, UserId]:
        """The user in the documented form, ``{"id": user_id}``."""
        return {"id": self.user_id}

    def require_session(self) -> Session:
        """Return the session; raise `AttributeError` if the socket is not authenticated."""
        if self.session is None:
            raise AttributeError("the socket is not authenticated")
        return self.session

    def warn_of_expiry(self, expires_at: datetime) -> None:
        """Warn the client that its token expires soon."""
        self.emit(ServerEvent.AUTH_EXPIRING, SessionExpiry(expires_at=expires_at))

    def end_session(self, error: AuthenticationError) -> None:
        """Send the reason to the client, and close its connection."""
        self.emit(ServerEvent.ERROR, error_notice(error.message, error.code, error.detail))
        self.disconnect(close=True)


def error_notice(message: str, code: str, detail: str) -> dict[str, str]:
    """Create the payload of ``error``, which a client receives before it is disconnected."""
    return {"message": message, "code": code, "detail": detail}
