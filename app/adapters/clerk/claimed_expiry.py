"""When a token says that it ends: believed of anybody, and good for revoking it only."""

import jwt

from app.adapters.clerk.signed_token import read_key_id, read_timestamp
from app.domain.errors import AuthenticationCode, AuthenticationError


def claimed_expiry(token: str) -> int:
    """The ``exp`` of a token that looks like a session token; its signature is not looked at.

    Raises:
        AuthenticationError: It does not look like one, so the verifier would refuse it, too.
    """
    read_key_id(token)
    try:
        claims = jwt.decode(token, options={"verify_signature": False})
    except jwt.PyJWTError:
        raise AuthenticationError(AuthenticationCode.TOKEN_MALFORMED) from None
    expires_at = read_timestamp(claims, "exp")
    if expires_at is None:
        raise AuthenticationError(AuthenticationCode.TOKEN_MALFORMED)
    return expires_at
