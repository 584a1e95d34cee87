"""The warning before a session ends."""

from app.domain.wire import WireDate, WireModel


class SessionExpiring(WireModel):
    """``{expiresAt}``: when the socket's token expires."""

    expires_at: WireDate
