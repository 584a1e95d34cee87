"""Provides the settings of a production server, and session tokens that this server accepts."""

import time

from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from tests.unit.adapters.clerk import signed_tokens

PRODUCTION = {
    "APP_ENV": "production",
    "CLERK_ISSUER": signed_tokens.ISSUER,
    "CLERK_AUTHORIZED_PARTIES": signed_tokens.PARTY,
    "CLERK_JWT_KEY": signed_tokens.private_key()
    .public_key()
    .public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
    .decode(),
    "CORS_ORIGINS": "https://chat.example.com",
    "DATABASE_URL": "memory:",
}


def clerk_token(
    claims: dict[str, object] | None = None,
    header: dict[str, object] | None = None,
    key_id: str = signed_tokens.KEY_ID,
) -> str:
    """Return a valid session token with these claims changed. A claim that is None is removed."""
    now = int(time.time())
    times: dict[str, object] = {"iat": now, "nbf": now - 10, "exp": now + 60}
    return signed_tokens.token({**times, **(claims or {})}, header, key_id)
