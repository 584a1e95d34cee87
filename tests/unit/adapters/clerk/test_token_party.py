"""Tests the check of a token's authorized party (app/adapters/clerk/token_verifier.py)."""

import pytest

from app.domain.errors import MISSING_PARTY_DETAIL, AuthenticationError
from tests.unit.adapters.clerk.signed_tokens import PARTY, token
from tests.unit.adapters.clerk.verifiers import make_verifier, refusal

FOREIGN = "https://other.example.com"


async def test_verify_accepts_a_token_without_a_party_when_the_setting_allows_it() -> None:
    """Clerk omits ``azp`` if the request for the token had no ``Origin`` header."""
    principal = await make_verifier(allow_missing_party=True).verify(token({"azp": None}))

    assert "user_alice" == principal.user_id


@pytest.mark.parametrize("party", [FOREIGN, "", f"{PARTY}/", [PARTY], 0, False, {}])
async def test_verify_refuses_a_foreign_party_when_a_missing_one_is_allowed(party: object) -> None:
    refused_with = await refusal(make_verifier(allow_missing_party=True), token({"azp": party}))

    assert "token_party" == refused_with


@pytest.mark.parametrize(
    ("claims", "logged", "detail"),
    [
        ({"azp": None}, {"azp": None}, MISSING_PARTY_DETAIL),
        ({"azp": FOREIGN}, {"azp": FOREIGN}, "The token was issued for another application."),
        ({"aud": "x"}, {"aud": "x"}, "The token was issued for another application."),
        ({"iss": FOREIGN}, {"iss": FOREIGN}, "The token was issued by somebody else."),
    ],
)
async def test_refusal_names_the_claim_when_it_does_not_match(
    claims: dict[str, object], logged: dict[str, object], detail: str
) -> None:
    """The log contains the claim's value; the text for the client does not."""
    with pytest.raises(AuthenticationError) as caught:
        await make_verifier(audience=["chat"]).verify(token({"aud": "chat", **claims}))

    assert logged == caught.value.claims
    assert detail == caught.value.detail
