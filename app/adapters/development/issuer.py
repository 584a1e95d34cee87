"""Session tokens of exactly Clerk's shape, made on this machine: no account is needed."""

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

_SESSION_TOKEN_CATEGORY = "cl_B7d4PD111AAA"  # noqa: S105 - Clerk's mark on session tokens


class JsonWebKey(TypedDict):
    """A public key as Clerk publishes it."""

    use: str
    kty: str
    kid: str
    alg: str
    n: str
    e: str


class JsonWebKeySet(TypedDict):
    """What `JWKS_PATH` answers."""

    keys: list[JsonWebKey]


class DevelopmentIssuer(TokenIssuer):
    """Issues tokens for whoever asks: for a developer's machine alone.

    Several processes may share one data folder: the server verifies what the command line signs.
    Raises `DevelopmentKeyError` wherever the key is first needed and cannot be had.
    """

    def __init__(self, data_dir: Path, issuer: str, authorized_party: str, clock: Clock) -> None:
        self._key_file = data_dir / KEY_FILE_NAME
        self._issuer = issuer
        self._authorized_party = authorized_party
        self._clock = clock
        self._key: RSAPrivateKey | None = None

    async def on_module_init(self) -> None:
        """Have the key ready. In a thread: making one takes about 100 ms."""
        await asyncio.to_thread(self._load)

    def jwks(self) -> JsonWebKeySet:
        """The public key, for verifiers. Reads the file on first use, when nothing has yet."""
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
        """A session token (version 2) for the user, valid from now; no two are equal.

        Args:
            user_id: Anybody; nobody is asked whether there is such a user.
            ttl_seconds: Until ``exp``. A negative one makes an expired token.
            session_id: ``sid``; None is the user's one standing sign-in.
        """
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
            "sid": session_id or _standing_session(user_id),
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
    """Follows from the key, so that a new key is never taken for the old one by a cache."""
    public = key.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    return f"ins_{sha256(public).hexdigest()[:24]}"


def _standing_session(user_id: UserId) -> str:
    """The same for all of a user's tokens, so that each may follow the other on one socket."""
    return f"sess_{sha256(user_id.encode()).hexdigest()[:24]}"
