"""Credentials for the suites of revocation stores and buses."""

from app.domain.credential import Credential
from app.domain.ids import UserId
from app.domain.principal import Principal

ISSUED_AT = 1_769_850_000.0
ALICES_TOKEN = "token-of-alice"


def credential(
    token: str = ALICES_TOKEN,
    user_id: str = "user_alice",
    session_id: str | None = "sess_alice",
    issued_at: float = ISSUED_AT,
) -> Credential:
    principal = Principal(
        UserId(user_id), session_id, token_id=None, expires_at=issued_at + 60, issued_at=issued_at
    )
    return Credential.of(token, principal)
