"""Checks the form, the header and the signature of a token.

PyJWT is used only for the signature. PyJWT's ``decode`` also checks the form, but spends more time
on the form than on the signature. Tests compare the results with those of ``decode``.
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
"""Claims or header fields by name, with any JSON value."""

MAX_TOKEN_CHARS = 8_192
"""The maximum length of a token. Longer tokens are rejected as malformed."""
MAX_KNOWN_HEADERS = 64
"""The maximum number of cached headers."""
_LAST_TIMESTAMP = 253_402_300_799  # The last second of the year 9999, datetime's limit
_ALGORITHM = "RS256"
# Values of `cat` in Clerk's tokens from a JWT template and in machine-to-machine tokens.
_TEMPLATE_CATEGORY = "cl_B7d4PD222AAA"
_MACHINE_CATEGORY = "cl_B7d4PD333AAA"

# Matches canonical base64url: without '=', and with zeros as the spare bits of the last character.
# Other forms are rejected. Otherwise, a revoked token could be used again in another form, because
# the blacklist contains only one form of each token.
_CANONICAL = r"(?:[A-Za-z0-9_-]{4})*(?:[A-Za-z0-9_-][AQgw]|[A-Za-z0-9_-]{2}[AEIMQUYcgkosw048])?"
_COMPACT_FORM = re.compile(rf"{_CANONICAL}\.{_CANONICAL}\.{_CANONICAL}")

_rs256 = RSAAlgorithm(RSAAlgorithm.SHA256)


class TokenHeader(NamedTuple):
    """The relevant fields of a valid header."""

    key_id: str | None
    is_from_template: bool


def read_header(token: str) -> TokenHeader:
    """Check the form and the header of a token, but not its signature, and return the header.

    Raises:
        AuthenticationError: The code names the rule that the token breaks.
    """
    if len(token) > MAX_TOKEN_CHARS or _COMPACT_FORM.fullmatch(token) is None:
        raise AuthenticationError(AuthenticationCode.TOKEN_MALFORMED)
    return _check_header(token[: token.index(".")])


def read_claims(token: str, key: RSAPublicKey) -> JsonObject:
    """Check the signature of a token that ``read_header`` accepted, and return its claims.

    The signature is checked on the event loop, which takes 17 µs. The complete verification of
    1,000 tokens blocks the event loop for 30 ms. Checking signatures in threads took twice as long,
    and twice the CPU time.

    Raises:
        AuthenticationError: ``token_signature``, or ``token_malformed`` if the claims are not an
            object.
    """
    signed, _, signature = token.rpartition(".")
    if not _rs256.verify(signed.encode(), key, _decode(signature)):
        raise AuthenticationError(AuthenticationCode.TOKEN_SIGNATURE)
    return read_unverified_claims(token)


def read_unverified_claims(token: str) -> JsonObject:
    """Return the claims of a token that ``read_header`` accepted, without checking the signature.

    Raises:
        AuthenticationError: ``token_malformed`` if the claims are not an object.
    """
    return _json_object(token.split(".")[1])


def read_timestamp(claims: JsonObject, name: str) -> int | None:
    """Return a claim that is a time in seconds since the epoch; None if the claim is missing.

    Raises:
        AuthenticationError: ``token_malformed`` if the claim is negative, is after the year 9999,
            or is not an integer. JSON's ``true`` and ``1.5`` are not integers.
    """
    if name not in claims:
        return None
    value = claims[name]
    if type(value) is not int or not 0 <= value <= _LAST_TIMESTAMP:
        raise AuthenticationError(AuthenticationCode.TOKEN_MALFORMED)
    return value


# All tokens of one key have the same header. Invalid headers raise, so they are not cached. An
# attacker who invents key ids can only evict valid headers, which are then parsed again.
@lru_cache(maxsize=MAX_KNOWN_HEADERS)
def _check_header(segment: str) -> TokenHeader:
    header = _json_object(segment)
    # Reject these extensions of RFC 7515 and RFC 7797, which Clerk does not use.
    if "crit" in header or "b64" in header:
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
    # orjson would save 1 µs. But orjson rejects lone surrogates and NaN, and makes large integers
    # floats, so the result for some tokens would differ from that of Clerk's own libraries.
    try:
        value = json.loads(_decode(segment))
    except (ValueError, RecursionError):
        raise AuthenticationError(AuthenticationCode.TOKEN_MALFORMED) from None
    if not isinstance(value, dict):
        raise AuthenticationError(AuthenticationCode.TOKEN_MALFORMED)
    return value


def _decode(segment: str) -> bytes:
    # The decoder ignores superfluous padding.
    return urlsafe_b64decode(segment + "==")
