"""One public key given in the settings (``CLERK_JWT_KEY``): nothing is fetched, ever."""

import binascii
import re
from base64 import b64decode

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey
from cryptography.hazmat.primitives.serialization import load_der_public_key

from app.adapters.clerk.signing_keys import MINIMUM_KEY_BITS, SigningKeys

_AROUND_THE_KEY = re.compile(r"-----(?:BEGIN|END) [A-Z ]+-----|\\[rn]|[\s\"'\ufeff]")
"""Armour; line breaks, real or written out; and what editors and shells leave around a text."""


class SigningKeyError(ValueError):
    """The text given as a public key is none; the message says how to mend it, without the text."""


class PemSigningKey(SigningKeys):
    """The one key. As with Clerk's own ``jwtKey``, the token's ``kid`` is not looked at."""

    def __init__(self, pem: str) -> None:
        r"""Read the key.

        Args:
            pem: As copied from Clerk's dashboard, or what is left of it after a trip through an
                environment variable: without line breaks, with ``\n`` or ``\r\n`` for each, without
                armour, in quotes, after a byte order mark.

        Raises:
            SigningKeyError: Not an RSA public key of 2048 bits or more.
        """
        self._key = _read(pem)

    async def find(self, key_id: str | None) -> RSAPublicKey:  # noqa: ARG002 - see the class
        """The key, whatever the token says."""
        return self._key


def _read(pem: str) -> RSAPublicKey:
    try:
        key = load_der_public_key(b64decode(_AROUND_THE_KEY.sub("", pem), validate=True))
    except (binascii.Error, ValueError, UnsupportedAlgorithm):
        # `from None`: a text that is no public key may be a private one.
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
