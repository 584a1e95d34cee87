"""One admitted socket's standing, and what it has to do with the socket."""

from dataclasses import dataclass
from datetime import datetime
from math import inf
from typing import Protocol

from app.domain.credential import Credential
from app.domain.errors import AuthenticationError
from app.domain.ids import UserId


class SessionHolder(Protocol):
    """Whose session it is: a socket. All are called on the event loop and must not raise."""

    @property
    def answers_pings(self) -> bool:
        """Whether the client has answered its last ping."""

    def warn_of_expiry(self, expires_at: datetime) -> None:
        """The token expires soon, at ``expires_at``. At most once for a token."""

    def end_session(self, error: AuthenticationError) -> None:
        """The socket must go. At most once, and never after `SessionService.close`."""

    def close_transport(self) -> None:
        """Close the connection, so that the client reconnects if it still exists."""


@dataclass(eq=False, slots=True)
class Session:
    """From `SessionService.open`, which alone changes it.

    Attributes:
        user_id: The same for the whole session, as every event asks for it.
        holder: None once it was told to go, or has gone.
        credential: The token it stands on.
        replaced: The one before, if there was one: it may not have expired yet, and whoever
            revokes it means this session.
        expires_at: Monotonic time from which its events are refused.
    """

    user_id: UserId
    holder: SessionHolder | None
    credential: Credential
    replaced: Credential | None = None
    expires_at: float = inf
    revoked: bool = False
    deadline_id: int = 0

    @property
    def credentials(self) -> tuple[Credential, ...]:
        """What a revocation of this session may name."""
        return (self.credential,) if self.replaced is None else (self.credential, self.replaced)
