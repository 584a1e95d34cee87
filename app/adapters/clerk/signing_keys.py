"""The source of the public keys that verify session tokens."""

from typing import Protocol

from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey

MINIMUM_KEY_BITS = 2048
"""The minimum key length of NIST SP 800-131A. Shorter keys are never used."""


class SigningKeys(Protocol):
    """Finds the public key that verifies a token."""

    async def find(self, key_id: str | None) -> RSAPublicKey:
        """Return the key with this id. ``key_id`` is None if the token's header has no ``kid``.

        The token is not verified yet, so ``key_id`` may be anything.

        Raises:
            AuthenticationError: ``token_key_unknown``, or ``keys_unavailable`` if the keys cannot
                be fetched now. No other error is raised.
        """
        ...
