"""Who a verified token says a socket is."""

from dataclasses import dataclass

from app.domain.ids import UserId

CLOCK_SKEW_SECONDS = 5
"""How far the issuer's clock and ours may differ, either way: Clerk's own default."""


@dataclass(frozen=True, slots=True)
class Principal:
    """The claims of a verified session token that outlive its verification.

    Attributes:
        user_id: ``sub``.
        session_id: ``sid``, the sign-in the token belongs to; None where the issuer sends none.
        token_id: ``jti``, likewise.
        expires_at: ``exp``, seconds since the epoch by the wall clock.
        issued_at: ``iat``, likewise, and no later than the verification; 0 where there is none, so
            that a revocation of the user covers it.
    """

    user_id: UserId
    session_id: str | None
    token_id: str | None
    expires_at: float
    issued_at: float = 0.0

    def may_follow(self, other: "Principal") -> bool:
        """Whether a session of ``other`` may go on as this one: the same user, the same sign-in."""
        is_same_sign_in = (
            self.session_id is None
            or other.session_id is None
            or self.session_id == other.session_id
        )
        return self.user_id == other.user_id and is_same_sign_in
