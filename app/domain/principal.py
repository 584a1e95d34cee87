"""The identity in a verified token."""

from dataclasses import dataclass

from app.domain.ids import UserId

CLOCK_SKEW_SECONDS = 5
"""The maximum difference between the clocks of issuer and server. The value is Clerk's default."""


@dataclass(frozen=True, slots=True)
class Principal:
    """The claims of a verified session token that are used after its verification.

    Attributes:
        user_id: ``sub``.
        session_id: ``sid``, the sign-in that the token belongs to; None if the issuer sends none.
        token_id: ``jti``; None if the issuer sends none.
        expires_at: ``exp``, in seconds since the epoch.
        issued_at: ``iat``, in seconds since the epoch, limited to the time of the verification. 0
            if the token has no ``iat``, so that every revocation of the user covers the token.
    """

    user_id: UserId
    session_id: str | None
    token_id: str | None
    expires_at: float
    issued_at: float = 0.0

    def may_follow(self, other: "Principal") -> bool:
        """Whether this token may replace the token of ``other``.

        Both tokens must have the same user, and the same sign-in if both name one.
        """
        is_same_sign_in = (
            self.session_id is None
            or other.session_id is None
            or self.session_id == other.session_id
        )
        return self.user_id == other.user_id and is_same_sign_in
