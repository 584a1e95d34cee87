"""The payload with the time at which a client's token expires."""

from dataclasses import dataclass
from datetime import datetime

from app.domain.wire import WireValue, to_iso


@dataclass(frozen=True, slots=True)
class SessionExpiry(WireValue):
    """``{expiresAt}``: the time at which the socket's token expires."""

    expires_at: datetime

    def to_wire(self) -> dict[str, object]:
        """``{expiresAt}``."""
        return {"expiresAt": to_iso(self.expires_at)}
