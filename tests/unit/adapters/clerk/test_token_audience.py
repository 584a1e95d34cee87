"""Tests the check of a token's audience (app/adapters/clerk/token_verifier.py)."""

import pytest

from tests.unit.adapters.clerk.signed_tokens import token
from tests.unit.adapters.clerk.verifiers import make_verifier, refusal


@pytest.mark.parametrize("audience", ["somebody", ["x", "y"], "", [], 7, {"a": 1}])
async def test_verify_ignores_the_audience_when_none_is_configured(audience: object) -> None:
    """By default any ``aud`` is accepted, because Clerk's session tokens have none."""
    principal = await make_verifier().verify(token({"aud": audience}))

    assert "user_alice" == principal.user_id


@pytest.mark.parametrize("audience", ["chat", ["chat"], ["other", "chat"], ["files", "chat"]])
async def test_verify_accepts_when_the_audience_is_among_those_configured(audience: object) -> None:
    verifier = make_verifier(audience=["chat", "files"])

    principal = await verifier.verify(token({"aud": audience}))

    assert "user_alice" == principal.user_id


@pytest.mark.parametrize(
    "audience",
    [
        None,
        "",
        "cha",
        "chat ",
        "chat files",
        [],
        ["other"],
        [["chat"]],
        ["chat", 7],
        {"chat": 1},
        7,
    ],
)
async def test_verify_refuses_when_the_audience_is_not_among_those_configured(
    audience: object,
) -> None:
    verifier = make_verifier(audience=["chat", "files"])

    refused_with = await refusal(verifier, token({"aud": audience}))

    assert "token_party" == refused_with
