"""The session of one authenticated socket."""

from dataclasses import dataclass
from datetime import datetime
from math import inf
from typing import Protocol

from app.domain.credential import Credential
from app.domain.errors import AuthenticationError
from app.domain.ids import UserId


class SessionHolder(Protocol):
    """The socket of a session. All methods are called on the event loop and must not raise."""

    @property
    def answers_pings(self) -> bool:
        """Whether the client has answered the last ping."""

    def warn_of_expiry(self, expires_at: datetime) -> None:
        """Warn the client that its token expires soon. Called at most once per token."""

    def end_session(self, error: AuthenticationError) -> None:
        """Send the error to the client, and disconnect the socket.

        Called at most once, and never after `SessionService.close`.
        """

    def close_transport(self) -> None:
        """Close the connection; a client that is still running reconnects."""


@dataclass(eq=False, slots=True)
class Session:
    """The session of one socket. Only `SessionService` changes it.

    Attributes:
        network: The client's network, as `client_network` returns it.
        holder: The socket; None after `SessionHolder.end_session` or `SessionService.close` was
            called.
        replaced: The previous token, if there was one. Revoking the previous token must also end
            this session, because that token may still be valid.
        expires_at: The monotonic time from which events are rejected.
    """

    user_id: UserId
    holder: SessionHolder | None
    credential: Credential
    network: str
    replaced: Credential | None = None
    expires_at: float = inf
    revoked: bool = False
    deadline_id: int = 0

    @property
    def credentials(self) -> tuple[Credential, ...]:
        """The current token, and the previous one if there was one."""
        return (self.credential,) if self.replaced is None else (self.credential, self.replaced)
