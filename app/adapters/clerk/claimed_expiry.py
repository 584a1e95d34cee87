"""When a token says that it ends: believed of anybody, and good for revoking it only."""

from app.adapters.clerk.signed_token import read_key_id, read_timestamp, read_unverified_claims
from app.domain.errors import AuthenticationCode, AuthenticationError


def claimed_expiry(token: str) -> int:
    """The ``exp`` of a token that looks like a session token; its signature is not looked at.

    Raises:
        AuthenticationError: It does not look like one, so the verifier would refuse it, too.
    """
    read_key_id(token)
    expires_at = read_timestamp(read_unverified_claims(token), "exp")
    if expires_at is None:
        raise AuthenticationError(AuthenticationCode.TOKEN_MALFORMED)
    return expires_at
