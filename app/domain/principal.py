"""Who a verified token says a socket is."""

from dataclasses import dataclass

from app.domain.ids import UserId


@dataclass(frozen=True, slots=True)
class Principal:
    """The claims of a verified session token that outlive its verification.

    Attributes:
        user_id: ``sub``.
        session_id: ``sid``, the sign-in the token belongs to; None where the issuer sends none.
        token_id: ``jti``, likewise.
        expires_at: ``exp``, seconds since the epoch by the wall clock.
        issued_at: ``iat``, likewise; 0 where there is none, so that a user's revocation covers it.
    """

    user_id: UserId
    session_id: str | None
    token_id: str | None
    expires_at: float
    issued_at: float = 0.0
