"""A token's outer shape: what can be judged before its key is known, and its signature."""

import re
from collections.abc import Mapping

import jwt
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey
from jwt.types import Options

from app.domain.errors import AuthenticationCode, AuthenticationError

Claims = Mapping[str, object]
"""A token's claims by name: any JSON value each."""

MAX_TOKEN_CHARS = 8_192
_LAST_TIMESTAMP = 253_402_300_799  # the end of 9999: later ones fit neither datetime nor the timers
_ALGORITHM = "RS256"
_MACHINE_TOKEN_CATEGORY = "cl_B7d4PD333AAA"  # noqa: S105 - Clerk's mark on machine-to-machine tokens

# Canonical base64url, the spare bits of the last character zero. PyJWT takes trailing '=' too: then
# one token had several spellings, and a blacklist of token strings would know only one of them.
_CANONICAL = r"(?:[A-Za-z0-9_-]{4})*(?:[A-Za-z0-9_-][AQgw]|[A-Za-z0-9_-]{2}[AEIMQUYcgkosw048])?"
_COMPACT_FORM = re.compile(rf"{_CANONICAL}\.{_CANONICAL}\.{_CANONICAL}")

# PyJWT asks the system's clock, takes "exp": "123" and 1.5, and refuses a token that has an `aud`.
_SIGNATURE_ONLY: Options = {
    "verify_aud": False,
    "verify_exp": False,
    "verify_iat": False,
    "verify_iss": False,
    "verify_jti": False,
    "verify_nbf": False,
    "verify_sub": False,
}


def read_key_id(token: str) -> str | None:
    """The ``kid`` of a token whose header keeps the rules; it is not authentic yet.

    Raises:
        AuthenticationError: By the rule broken.
    """
    if len(token) > MAX_TOKEN_CHARS or _COMPACT_FORM.fullmatch(token) is None:
        raise AuthenticationError(AuthenticationCode.TOKEN_MALFORMED)
    try:
        header = jwt.get_unverified_header(token)
    except jwt.PyJWTError:
        raise AuthenticationError(AuthenticationCode.TOKEN_MALFORMED) from None
    if "crit" in header or "b64" in header:  # PyJWT knows the extension `b64`; Clerk has none
        raise AuthenticationError(AuthenticationCode.TOKEN_MALFORMED)
    if header.get("alg") != _ALGORITHM:
        raise AuthenticationError(AuthenticationCode.TOKEN_SIGNATURE)
    if header.get("typ", "JWT") != "JWT" or header.get("cat") == _MACHINE_TOKEN_CATEGORY:
        raise AuthenticationError(AuthenticationCode.TOKEN_KIND)
    key_id: str | None = header.get("kid")  # PyJWT has refused any other type
    return key_id


def read_claims(token: str, key: RSAPublicKey) -> Claims:
    """The claims of a token that ``read_key_id`` has let pass, authentic but not judged.

    Raises:
        AuthenticationError: ``token_signature``; ``token_malformed`` when they are no object.
    """
    try:
        return jwt.decode(token, key, algorithms=[_ALGORITHM], options=_SIGNATURE_ONLY)
    except jwt.InvalidSignatureError:
        raise AuthenticationError(AuthenticationCode.TOKEN_SIGNATURE) from None
    except jwt.PyJWTError:
        raise AuthenticationError(AuthenticationCode.TOKEN_MALFORMED) from None


def read_timestamp(claims: Claims, name: str) -> int | None:
    """Seconds since the epoch; the claim must be an integer, which True and 1.5 are not.

    Raises:
        AuthenticationError: ``token_malformed``.
    """
    if name not in claims:
        return None
    value = claims[name]
    if type(value) is not int or not 0 <= value <= _LAST_TIMESTAMP:
        raise AuthenticationError(AuthenticationCode.TOKEN_MALFORMED)
    return value
