"""Parses a JSON Web Key Set (RFC 7517)."""

import jwt
import orjson
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey

from app.adapters.clerk.signing_keys import MINIMUM_KEY_BITS


def parse_jwks(body: bytes) -> dict[str, RSAPublicKey]:
    """Return the RSA keys for RS256 signatures, indexed by ``kid``. Other keys are ignored.

    Raises:
        ValueError: The body is not a key set, or contains no usable key. The error does not quote
            the body.
    """
    # Use orjson, which raises ValueError for deep nesting. The json module would raise
    # RecursionError.
    document = orjson.loads(body)
    entries = document.get("keys") if isinstance(document, dict) else None
    if not isinstance(entries, list):
        raise ValueError("no list of keys")  # noqa: TRY004 - bad input, not a bad call
    keys: dict[str, RSAPublicKey] = {}
    for entry in entries:
        key = _rsa_key(entry)
        if key is not None:
            keys[entry["kid"]] = key
    if not keys:
        raise ValueError("no usable key")
    return keys


def _rsa_key(entry: object) -> RSAPublicKey | None:
    if not isinstance(entry, dict) or not isinstance(entry.get("kid"), str):
        return None
    if (entry.get("kty"), entry.get("use", "sig"), entry.get("alg", "RS256")) != (
        "RSA",
        "sig",
        "RS256",
    ):
        return None
    # Pass only the public numbers: PyJWT would build a private key from a private JWK.
    numbers = {name: entry.get(name) for name in ("kty", "n", "e")}
    try:
        key = jwt.PyJWK(numbers, "RS256").key
    except jwt.PyJWTError:
        return None
    if not isinstance(key, RSAPublicKey) or key.key_size < MINIMUM_KEY_BITS:
        return None
    return key
