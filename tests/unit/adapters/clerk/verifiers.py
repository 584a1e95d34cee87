"""Verifiers with a manual clock."""

from collections.abc import Collection

import pytest
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from app.adapters.clerk.pem_signing_key import PemSigningKey
from app.adapters.clerk.signing_keys import SigningKeys
from app.adapters.clerk.token_verifier import ClerkTokenVerifier
from app.domain.errors import AuthenticationError
from tests.doubles.manual_clock import ManualClock
from tests.unit.adapters.clerk.signed_tokens import ISSUER, PARTY, private_key

MAX_TOKEN_SECONDS = 3_600


def make_verifier(
    clock: ManualClock | None = None,
    keys: SigningKeys | None = None,
    audience: Collection[str] = (),
    *,
    allow_missing_party: bool = False,
    accept_template_tokens: bool = False,
) -> ClerkTokenVerifier:
    """Return a verifier with the test key and default settings."""
    return ClerkTokenVerifier(
        keys or PemSigningKey(public_pem()),
        clock or ManualClock(),
        ISSUER,
        [PARTY],
        allow_missing_party=allow_missing_party,
        audience=audience,
        accept_template_tokens=accept_template_tokens,
        max_token_seconds=MAX_TOKEN_SECONDS,
    )


def public_pem() -> str:
    public = private_key().public_key()
    return public.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo).decode()


async def refusal(verifier: ClerkTokenVerifier, token: str) -> str:
    """Verify a token that must be rejected, and return the error code."""
    with pytest.raises(AuthenticationError) as caught:
        await verifier.verify(token)
    return caught.value.code
