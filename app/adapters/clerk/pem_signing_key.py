"""Reads the public key from the setting ``CLERK_JWT_KEY``, without a network request."""

import binascii
import re
from base64 import b64decode

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey
from cryptography.hazmat.primitives.serialization import load_der_public_key

from app.adapters.clerk.signing_keys import MINIMUM_KEY_BITS, SigningKeys

_AROUND_THE_KEY = re.compile(r"-----(?:BEGIN|END) [A-Z ]+-----|\\[rn]|[\s\"'\ufeff]")
"""Matches text that is not base64: PEM armour, (escaped) line breaks, quotes, byte order marks."""


class SigningKeyError(ValueError):
    """``CLERK_JWT_KEY`` is not a valid public key. The message does not quote the value."""


class PemSigningKey(SigningKeys):
    """Uses one key for all tokens, and ignores their ``kid``, like Clerk's option ``jwtKey``."""

    def __init__(self, pem: str) -> None:
        r"""Read the key.

        Args:
            pem: The key as copied from Clerk's dashboard. Common damage by environment variables
                is accepted: missing or escaped line breaks, missing armour, quotes, a byte order
                mark.

        Raises:
            SigningKeyError: The text is not an RSA public key of at least 2048 bits.
        """
        self._key = _read(pem)

    async def find(self, key_id: str | None) -> RSAPublicKey:  # noqa: ARG002 - see the class
        """Return the key, regardless of ``key_id``."""
        return self._key


def _read(pem: str) -> RSAPublicKey:
    try:
        key = load_der_public_key(b64decode(_AROUND_THE_KEY.sub("", pem), validate=True))
    except (binascii.Error, ValueError, UnsupportedAlgorithm):
        # `from None` hides the value, which may be a private key.
        message = (
            "CLERK_JWT_KEY is not a public key; copy the PEM public key from Clerk's dashboard, "
            "API keys."
        )
        raise SigningKeyError(message) from None
    if not isinstance(key, RSAPublicKey) or key.key_size < MINIMUM_KEY_BITS:
        raise SigningKeyError(
            f"CLERK_JWT_KEY must be an RSA key of at least {MINIMUM_KEY_BITS} bits."
        )
    return key
