"""Tests reading the expiry in an unverified token (app/adapters/clerk/token_verifier.py)."""

import pytest

from app.domain.errors import AuthenticationError
from tests.unit.adapters.clerk.signed_tokens import NOW, base64url, sign, token
from tests.unit.adapters.clerk.verifiers import make_verifier


@pytest.mark.parametrize("expires_at", [0, NOW - 60, NOW + 60, NOW + 10**9])
@pytest.mark.parametrize("header", [{}, {"cat": "cl_B7d4PD222AAA"}])
def test_expiry_is_read_when_the_token_is_anybodys(
    expires_at: int, header: dict[str, object]
) -> None:
    """The expiry is read without checking the signature, the other claims or the present time."""
    forged = token({"exp": expires_at, "aud": 1, "iss": None, "nbf": "never"}, header)
    body, _, _ = forged.rpartition(".")

    claimed = make_verifier().claimed_expiry(f"{body}.{base64url(b'no signature')}")

    assert expires_at == claimed


@pytest.mark.parametrize(
    "text",
    [
        "",
        "foo",
        "a.b.c",
        f"Bearer {token()}",
        f" {token()}",
        f"{token()}\n",
        f"{token()}==",
        token({"exp": None}),
        token({"exp": "123"}),
        token({"exp": 10**20}),
        token(header={"alg": "HS256"}),
        token(header={"cat": "cl_B7d4PD333AAA"}),
        sign(b'{"alg":"RS256"}', b"[" * 3_000),
    ],
)
def test_expiry_is_refused_when_no_verifier_would_accept_the_token(text: str) -> None:
    with pytest.raises(AuthenticationError):
        make_verifier().claimed_expiry(text)
