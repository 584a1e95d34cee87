"""A token's outer shape: what can be judged before its key is known, and its signature.

PyJWT checks the signature and nothing else: its ``decode`` checks the shape again, character by
character, which costs more than the signature does. What it would say is tested to be said here.
"""

import json
import re
from base64 import urlsafe_b64decode
from collections.abc import Mapping
from functools import lru_cache

from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey
from jwt.algorithms import RSAAlgorithm

from app.domain.errors import AuthenticationCode, AuthenticationError

JsonObject = Mapping[str, object]
"""Claims, or header fields, by name: any JSON value each."""

MAX_TOKEN_CHARS = 8_192
MAX_KNOWN_HEADERS = 64
_LAST_TIMESTAMP = 253_402_300_799  # the end of 9999: later ones fit neither datetime nor the timers
_ALGORITHM = "RS256"
_MACHINE_TOKEN_CATEGORY = "cl_B7d4PD333AAA"  # noqa: S105 - Clerk's mark on machine-to-machine tokens

# Canonical base64url, the spare bits of the last character zero: with '=' or other spare bits one
# token had several spellings, and a blacklist of token strings would know only one of them.
_CANONICAL = r"(?:[A-Za-z0-9_-]{4})*(?:[A-Za-z0-9_-][AQgw]|[A-Za-z0-9_-]{2}[AEIMQUYcgkosw048])?"
_COMPACT_FORM = re.compile(rf"{_CANONICAL}\.{_CANONICAL}\.{_CANONICAL}")

_rs256 = RSAAlgorithm(RSAAlgorithm.SHA256)


def read_key_id(token: str) -> str | None:
    """The ``kid`` of a token whose header keeps the rules; it is not authentic yet.

    Raises:
        AuthenticationError: By the rule broken.
    """
    if len(token) > MAX_TOKEN_CHARS or _COMPACT_FORM.fullmatch(token) is None:
        raise AuthenticationError(AuthenticationCode.TOKEN_MALFORMED)
    return _judge_header(token[: token.index(".")])


def read_claims(token: str, key: RSAPublicKey) -> JsonObject:
    """The claims of a token that ``read_key_id`` has let pass, authentic but not judged.

    The signature takes some 20 µs on the event loop, less than to hand it to a thread: a storm of
    10,000 connects spends a fifth of a second in it.

    Raises:
        AuthenticationError: ``token_signature``; ``token_malformed`` when they are no object.
    """
    signed, _, signature = token.rpartition(".")
    if not _rs256.verify(signed.encode(), key, _decode(signature)):
        raise AuthenticationError(AuthenticationCode.TOKEN_SIGNATURE)
    return read_unverified_claims(token)


def read_unverified_claims(token: str) -> JsonObject:
    """The claims of a token that ``read_key_id`` has let pass, whoever made it.

    Raises:
        AuthenticationError: ``token_malformed`` when they are no object.
    """
    return _json_object(token.split(".")[1])


def read_timestamp(claims: JsonObject, name: str) -> int | None:
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


# All tokens of one key have the same header. Refusals are not kept: strangers fill nothing.
@lru_cache(maxsize=MAX_KNOWN_HEADERS)
def _judge_header(segment: str) -> str | None:
    header = _json_object(segment)
    if "crit" in header or "b64" in header:  # extensions of RFC 7515 and 7797; Clerk has none
        raise AuthenticationError(AuthenticationCode.TOKEN_MALFORMED)
    key_id = _key_id(header)
    if header.get("alg") != _ALGORITHM:
        raise AuthenticationError(AuthenticationCode.TOKEN_SIGNATURE)
    if header.get("typ", "JWT") != "JWT" or header.get("cat") == _MACHINE_TOKEN_CATEGORY:
        raise AuthenticationError(AuthenticationCode.TOKEN_KIND)
    return key_id


def _key_id(header: JsonObject) -> str | None:
    if "kid" not in header:
        return None
    key_id = header["kid"]
    if not isinstance(key_id, str):
        raise AuthenticationError(AuthenticationCode.TOKEN_MALFORMED)
    return key_id


def _json_object(segment: str) -> JsonObject:
    # Not orjson: it takes neither lone surrogates nor NaN and makes floats of big integers, so it
    # would judge some tokens otherwise than Clerk's own libraries, for one microsecond.
    try:
        value = json.loads(_decode(segment))
    except (ValueError, RecursionError):
        raise AuthenticationError(AuthenticationCode.TOKEN_MALFORMED) from None
    if not isinstance(value, dict):
        raise AuthenticationError(AuthenticationCode.TOKEN_MALFORMED)
    return value


def _decode(segment: str) -> bytes:
    # In canonical form, whatever is too much of '==' is ignored.
    return urlsafe_b64decode(segment + "==")
