"""Where the public keys come from that session tokens are checked with."""

from typing import Protocol

from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey

MINIMUM_KEY_BITS = 2048
"""NIST SP 800-131A; Clerk's own keys have 2048. Shorter ones are not used, wherever found."""


class SigningKeys(Protocol):
    """The keys a token may be signed with."""

    async def find(self, key_id: str | None) -> RSAPublicKey:
        """The key of a token whose header says ``key_id`` (None: it says nothing).

        Nothing about the token is trusted yet.

        Raises:
            AuthenticationError: ``token_key_unknown``, or ``keys_unavailable`` when it cannot be
                known now. Nothing else is raised.
        """
        ...
