"""A token's outer shape: what can be judged before its key is known, and its signature.

PyJWT checks the signature and nothing else: its ``decode`` checks the shape again, character by
character, which costs more than the signature does. What it would say is tested to be said here.
"""

import json
import re
from base64 import urlsafe_b64decode
from collections.abc import Mapping
from functools import lru_cache
from typing import NamedTuple

from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey
from jwt.algorithms import RSAAlgorithm

from app.domain.errors import AuthenticationCode, AuthenticationError

JsonObject = Mapping[str, object]
"""Claims, or header fields, by name: any JSON value each."""

MAX_TOKEN_CHARS = 8_192
MAX_KNOWN_HEADERS = 64
_LAST_TIMESTAMP = 253_402_300_799  # the end of 9999: later ones fit neither datetime nor the timers
_ALGORITHM = "RS256"
# Clerk's marks on tokens made from a JWT template, and on machine-to-machine tokens.
_TEMPLATE_CATEGORY = "cl_B7d4PD222AAA"
_MACHINE_CATEGORY = "cl_B7d4PD333AAA"

# Canonical base64url, the spare bits of the last character zero: with '=' or other spare bits one
# token had several spellings, and a blacklist of token strings would know only one of them.
_CANONICAL = r"(?:[A-Za-z0-9_-]{4})*(?:[A-Za-z0-9_-][AQgw]|[A-Za-z0-9_-]{2}[AEIMQUYcgkosw048])?"
_COMPACT_FORM = re.compile(rf"{_CANONICAL}\.{_CANONICAL}\.{_CANONICAL}")

_rs256 = RSAAlgorithm(RSAAlgorithm.SHA256)


class TokenHeader(NamedTuple):
    """What matters of a header that keeps the rules.

    Attributes:
        key_id: ``kid``; None where there is none.
        is_from_template: Whether Clerk says that a JWT template made the token.
    """

    key_id: str | None
    is_from_template: bool


def read_header(token: str) -> TokenHeader:
    """The header of a token whose form and header keep the rules; it is not authentic yet.

    Raises:
        AuthenticationError: By the rule broken.
    """
    if len(token) > MAX_TOKEN_CHARS or _COMPACT_FORM.fullmatch(token) is None:
        raise AuthenticationError(AuthenticationCode.TOKEN_MALFORMED)
    return _judge_header(token[: token.index(".")])


def read_claims(token: str, key: RSAPublicKey) -> JsonObject:
    """The claims of a token that ``read_header`` has let pass, authentic but not judged.

    The signature is checked on the event loop: 17 µs, of 30 for all there is to verify. 1,000
    tokens in a row hold the loop up for 30 ms, and connects come a few in a turn of it (ten: under
    1 ms). In threads the same thousand took twice the processor, and twice as long.

    Raises:
        AuthenticationError: ``token_signature``; ``token_malformed`` when they are no object.
    """
    signed, _, signature = token.rpartition(".")
    if not _rs256.verify(signed.encode(), key, _decode(signature)):
        raise AuthenticationError(AuthenticationCode.TOKEN_SIGNATURE)
    return read_unverified_claims(token)


def read_unverified_claims(token: str) -> JsonObject:
    """The claims of a token that ``read_header`` has let pass, whoever made it.

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


# All tokens of one key have the same header. Refusals are not kept. Strangers can push
# good ones out by inventing key ids, which costs one reading each.
@lru_cache(maxsize=MAX_KNOWN_HEADERS)
def _judge_header(segment: str) -> TokenHeader:
    header = _json_object(segment)
    if "crit" in header or "b64" in header:  # extensions of RFC 7515 and 7797; Clerk has none
        raise AuthenticationError(AuthenticationCode.TOKEN_MALFORMED)
    key_id = _key_id(header)
    if header.get("alg") != _ALGORITHM:
        raise AuthenticationError(AuthenticationCode.TOKEN_SIGNATURE)
    category = header.get("cat")
    if header.get("typ", "JWT") != "JWT" or category == _MACHINE_CATEGORY:
        raise AuthenticationError(AuthenticationCode.TOKEN_KIND)
    return TokenHeader(key_id, is_from_template=category == _TEMPLATE_CATEGORY)


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
