from app.domain.credential import Credential
from app.domain.ids import UserId
from app.domain.principal import Principal
from app.services.sessions.session import Session, SessionHolder


def session_of(user_id: str, holder: SessionHolder) -> Session:
    """Create a session in the same way as `SessionService`."""
    principal = Principal(UserId(user_id), session_id=None, token_id=None, expires_at=60)
    return Session(principal.user_id, holder, Credential.of("token", principal), "192.0.2.1")
