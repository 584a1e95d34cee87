"""Signs valid and invalid tokens with test keys."""

import json
from base64 import urlsafe_b64encode
from functools import cache

from cryptography.hazmat.primitives.asymmetric import padding, rsa
from cryptography.hazmat.primitives.hashes import SHA256
from jwt.algorithms import RSAAlgorithm

from tests.doubles.manual_clock import DEFAULT_START

ISSUER = "https://clerk.example.com"
PARTY = "https://chat.example.com"
KEY_ID = "ins_first"
NOW = int(DEFAULT_START.timestamp())

SESSION_HEADER: dict[str, object] = {
    "alg": "RS256",
    "cat": "cl_B7d4PD111AAA",
    "kid": KEY_ID,
    "typ": "JWT",
}
SESSION_CLAIMS: dict[str, object] = {
    "azp": PARTY,
    "exp": NOW + 60,
    "fva": [0, -1],
    "iat": NOW,
    "iss": ISSUER,
    "jti": "2f1f0e0d0c0b0a090807",
    "nbf": NOW - 10,
    "sid": "sess_alice",
    "sts": "active",
    "sub": "user_alice",
    "v": 2,
}


def private_key(key_id: str = KEY_ID) -> rsa.RSAPrivateKey:
    """Return the key with this name. Each key is created only once."""
    return _generate(key_id)


def base64url(data: bytes) -> str:
    """Encode without padding, as in a token."""
    return urlsafe_b64encode(data).rstrip(b"=").decode()


def sign(header: bytes, payload: bytes, key: rsa.RSAPrivateKey | None = None) -> str:
    """Sign exactly these bytes, valid or not."""
    body = f"{base64url(header)}.{base64url(payload)}"
    signature = (key or private_key()).sign(body.encode(), padding.PKCS1v15(), SHA256())
    return f"{body}.{base64url(signature)}"


def token(
    claims: dict[str, object] | None = None,
    header: dict[str, object] | None = None,
    key_id: str = KEY_ID,
) -> str:
    """Return a session token with these changes; a change to None removes the claim or field."""
    fields = {"kid": key_id, **(header or {})}
    return sign(
        _merge(SESSION_HEADER, fields), _merge(SESSION_CLAIMS, claims or {}), private_key(key_id)
    )


def jwk(key_id: str = KEY_ID, **changes: object) -> dict[str, object]:
    """Return the public key with this name, as a key set lists it."""
    public = private_key(key_id).public_key()
    numbers = RSAAlgorithm.to_jwk(public, as_dict=True)
    return {
        "use": "sig",
        "kty": "RSA",
        "kid": key_id,
        "alg": "RS256",
        "n": numbers["n"],
        "e": numbers["e"],
        **changes,
    }


@cache
def _generate(key_id: str) -> rsa.RSAPrivateKey:  # noqa: ARG001 - the cache needs it as a key
    return rsa.generate_private_key(public_exponent=65537, key_size=2048)


def _merge(base: dict[str, object], changes: dict[str, object]) -> bytes:
    merged = {**base, **changes}
    present = {name: value for name, value in merged.items() if value is not None}
    # orjson rejects some numbers and texts that a hostile issuer may send.
    return json.dumps(present, separators=(",", ":")).encode()
