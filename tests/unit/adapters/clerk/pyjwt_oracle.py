"""Verifies tokens with PyJWT, to compare its results with those of the token verifier."""

import re
from base64 import urlsafe_b64decode, urlsafe_b64encode

import jwt
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey
from jwt.types import Options

from app.adapters.clerk.signed_token import MAX_TOKEN_CHARS

_SIGNATURE_ONLY: Options = {
    "verify_aud": False,
    "verify_exp": False,
    "verify_iat": False,
    "verify_iss": False,
    "verify_jti": False,
    "verify_nbf": False,
    "verify_sub": False,
}


def pyjwt_verdict(token: str, key: RSAPublicKey) -> str:
    """Return the ``repr`` of the claims, or the code of the rule that the token breaks."""
    # PyJWT does not limit the length of tokens, and accepts non-canonical base64.
    if len(token) > MAX_TOKEN_CHARS or not all(map(_is_canonical, token.split("."))):
        return "token_malformed"
    try:
        header = jwt.get_unverified_header(token)
        return _broken_rule(header) or repr(_claims(token, key))
    except jwt.InvalidSignatureError:
        return "token_signature"
    except jwt.PyJWTError:
        return "token_malformed"


def _broken_rule(header: dict[str, object]) -> str | None:
    """Return the code of the rule that the header breaks.

    Headers with extensions are malformed here, although PyJWT supports ``b64``.
    """
    if "crit" in header or "b64" in header:
        return "token_malformed"
    if header.get("alg") != "RS256":
        return "token_signature"
    if header.get("typ", "JWT") != "JWT" or header.get("cat") == "cl_B7d4PD333AAA":
        return "token_kind"
    return None


def _claims(token: str, key: RSAPublicKey) -> dict[str, object]:
    return jwt.decode(token, key, algorithms=["RS256"], options=_SIGNATURE_ONLY)


def _is_canonical(segment: str) -> bool:
    if re.fullmatch(r"[\w-]*", segment, re.ASCII) is None or len(segment) % 4 == 1:
        return False
    return segment == urlsafe_b64encode(urlsafe_b64decode(segment + "==")).rstrip(b"=").decode()
