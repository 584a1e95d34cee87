"""Issues session tokens with the same claims as Clerk's, without a Clerk account."""

import asyncio
import secrets
from hashlib import sha256
from pathlib import Path
from typing import TypedDict

import jwt
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from jwt.algorithms import RSAAlgorithm

from app.adapters.development.signing_key_file import load_or_create_key
from app.domain.ids import UserId
from app.ports import TOKEN_TTL_SECONDS, Clock, TokenIssuer

KEY_FILE_NAME = "development-issuer.pem"

_SESSION_TOKEN_CATEGORY = "cl_B7d4PD111AAA"  # noqa: S105 - Clerk's `cat` of session tokens


class JsonWebKey(TypedDict):
    """A public key in the form that Clerk publishes."""

    use: str
    kty: str
    kid: str
    alg: str
    n: str
    e: str


class JsonWebKeySet(TypedDict):
    """The response body of a request for `JWKS_PATH`."""

    keys: list[JsonWebKey]


class DevelopmentIssuer(TokenIssuer):
    """Issues tokens without authentication, so it must run only on a developer's machine.

    All processes with the same data folder use the same key, so the server accepts tokens issued by
    the command line. If the key cannot be read or created, the first method that needs the key
    raises `DevelopmentKeyError`.
    """

    def __init__(self, data_dir: Path, issuer: str, authorized_party: str, clock: Clock) -> None:
        self._key_file = data_dir / KEY_FILE_NAME
        self._issuer = issuer
        self._authorized_party = authorized_party
        self._clock = clock
        self._key: RSAPrivateKey | None = None

    async def on_module_init(self) -> None:
        """Load or create the key in a thread, as creating one takes about 100 ms."""
        await asyncio.to_thread(self._load)

    def jwks(self) -> JsonWebKeySet:
        """Return the public key. The first call reads or creates the key file."""
        key = self._load()
        numbers = RSAAlgorithm.to_jwk(key.public_key(), as_dict=True)
        return {
            "keys": [
                {
                    "use": "sig",
                    "kty": "RSA",
                    "kid": _key_id(key),
                    "alg": "RS256",
                    "n": numbers["n"],
                    "e": numbers["e"],
                }
            ]
        }

    def token(
        self, user_id: UserId, ttl_seconds: int = TOKEN_TTL_SECONDS, session_id: str | None = None
    ) -> str:
        """Return a new session token for the user, in version 2 of Clerk's format."""
        key = self._load()
        now = int(self._clock.now().timestamp())
        claims = {
            "azp": self._authorized_party,
            "exp": now + ttl_seconds,
            "fva": [0, -1],
            "iat": now,
            "iss": self._issuer,
            "jti": secrets.token_hex(10),
            "nbf": now - 10,
            "sid": session_id or _default_session(user_id),
            "sts": "active",
            "sub": user_id,
            "v": 2,
        }
        headers = {"cat": _SESSION_TOKEN_CATEGORY, "kid": _key_id(key)}
        return jwt.encode(claims, key, algorithm="RS256", headers=headers)

    def _load(self) -> RSAPrivateKey:
        if self._key is None:
            self._key = load_or_create_key(self._key_file)
        return self._key


def _key_id(key: RSAPrivateKey) -> str:
    public = key.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    return f"ins_{sha256(public).hexdigest()[:24]}"


def _default_session(user_id: UserId) -> str:
    return f"sess_{sha256(user_id.encode()).hexdigest()[:24]}"
