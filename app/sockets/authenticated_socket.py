"""The documented ``AuthenticatedSocket``: a socket that knows whose it is."""

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
    """Every client of the gateway; `WsGuard` gives it its ``session`` before all else happens."""

    __slots__ = ("session",)

    id: SocketId

    def __init__(self, socket_id: str, handshake: Handshake, link: SocketLink) -> None:
        super().__init__(socket_id, handshake, link)
        self.session: Session | None = None

    @property
    def user_id(self) -> UserId:
        """Whose socket this is: the token's ``sub``.

        Raises:
            AttributeError: It was not authenticated; no handler ever meets such a socket.
        """
        if self.session is None:  # `require_session` without its call: every event asks twice
            raise AttributeError(_NO_SESSION)
        return self.session.user_id

    @property
    def user(self) -> dict[str, UserId]:
        """``{"id": user_id}``, as documented."""
        return {"id": self.user_id}

    def require_session(self) -> Session:
        """The session.

        Raises:
            AttributeError: It was not authenticated; no handler ever meets such a socket.
        """
        if self.session is None:
            raise AttributeError(_NO_SESSION)
        return self.session

    def warn_of_expiry(self, expires_at: datetime) -> None:
        """Tell the client that its token expires soon."""
        self.emit(ServerEvent.AUTH_EXPIRING, SessionExpiry(expires_at=expires_at))

    def end_session(self, error: AuthenticationError) -> None:
        """Tell the client why it may not stay, and close its connection."""
        self.emit(ServerEvent.ERROR, error_notice(error.message, error.code, error.detail))
        self.disconnect(close=True)


def error_notice(message: str, code: str, detail: str) -> dict[str, str]:
    """The payload of the ``error`` event, which is for authentication alone."""
    return {"message": message, "code": code, "detail": detail}
