import pytest

from app.domain.errors import AuthenticationError
from app.domain.ids import UserId
from app.domain.principal import Principal
from tests.doubles.manual_clock import ManualClock
from tests.unit.adapters.clerk.signed_tokens import (
    ISSUER,
    NOW,
    PARTY,
    base64url,
    private_key,
    sign,
    token,
)
from tests.unit.adapters.clerk.verifiers import MAX_TOKEN_SECONDS, make_verifier, refusal

ALPHABET = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
TEMPLATE: dict[str, object] = {"cat": "cl_B7d4PD222AAA"}


async def test_verify_gives_the_principal_when_the_token_keeps_every_rule() -> None:
    principal = await make_verifier().verify(token())

    assert principal == Principal(
        UserId("user_alice"),
        session_id="sess_alice",
        token_id="2f1f0e0d0c0b0a090807",
        expires_at=float(NOW + 60),
        issued_at=float(NOW),
    )


@pytest.mark.parametrize("absent", ["sid", "jti", "nbf", "iat", "sts", "fva", "v"])
async def test_verify_accepts_when_an_optional_claim_is_absent(absent: str) -> None:
    principal = await make_verifier().verify(token({absent: None}))

    assert "user_alice" == principal.user_id


@pytest.mark.parametrize("header", [{"typ": None}, {"cat": None}, {"cat": 1}, {"kid": None}])
async def test_verify_accepts_when_the_header_says_less(header: dict[str, object]) -> None:
    principal = await make_verifier().verify(token(header=header))

    assert "user_alice" == principal.user_id


async def test_principal_was_issued_at_the_epoch_when_the_token_does_not_say() -> None:
    """Every revocation of the user applies to a token without ``iat``."""
    principal = await make_verifier().verify(token({"iat": None}))

    assert 0.0 == principal.issued_at


async def test_verify_refuses_a_template_token_unless_the_setting_accepts_it() -> None:
    """Template tokens are often meant for other services."""
    text = token(header=TEMPLATE)

    refused_with = await refusal(make_verifier(), text)
    principal = await make_verifier(accept_template_tokens=True).verify(text)

    assert "token_kind" == refused_with
    assert "user_alice" == principal.user_id


async def test_verify_refuses_a_machine_token_when_template_tokens_are_accepted() -> None:
    verifier = make_verifier(accept_template_tokens=True)

    refused_with = await refusal(verifier, token(header={"cat": "cl_B7d4PD333AAA"}))

    assert "token_kind" == refused_with


@pytest.mark.parametrize(
    ("claims", "code"),
    [
        ({"exp": NOW - 5}, "token_expired"),
        ({"exp": 0}, "token_expired"),
        ({"exp": None}, "token_malformed"),
        ({"exp": True}, "token_malformed"),
        ({"exp": str(NOW + 60)}, "token_malformed"),
        ({"exp": NOW + 60.0}, "token_malformed"),
        ({"exp": -1}, "token_malformed"),
        ({"exp": 10**400}, "token_malformed"),
        ({"exp": float("inf")}, "token_malformed"),
        ({"exp": [NOW + 60]}, "token_malformed"),
        ({"iat": NOW - MAX_TOKEN_SECONDS - 5, "exp": 253_402_300_799}, "token_expired"),
        ({"nbf": NOW + 6}, "token_not_yet_valid"),
        ({"nbf": "soon"}, "token_malformed"),
        ({"iat": NOW + 6}, "token_not_yet_valid"),
        ({"iat": False}, "token_malformed"),
        ({"iss": None}, "token_issuer"),
        ({"iss": f"{ISSUER}/"}, "token_issuer"),
        ({"iss": ISSUER[:-1]}, "token_issuer"),
        ({"iss": [ISSUER]}, "token_issuer"),
        ({"azp": None}, "token_party"),
        ({"azp": ""}, "token_party"),
        ({"azp": "https://other.example.com"}, "token_party"),
        ({"azp": [PARTY]}, "token_party"),
        ({"sub": None}, "token_subject"),
        ({"sub": ""}, "token_subject"),
        ({"sub": 7}, "token_subject"),
        ({"sub": "u" * 192}, "token_subject"),
        ({"sub": "user\0alice"}, "token_subject"),
        ({"sub": "user_\ud800"}, "token_subject"),
        ({"sid": 7}, "token_malformed"),
        ({"sid": ""}, "token_malformed"),
        ({"sid": "s" * 192}, "token_malformed"),
        ({"sid": "sess_\ud800"}, "token_malformed"),
        ({"jti": ["x"]}, "token_malformed"),
        ({"sts": "pending"}, "session_pending"),
    ],
)
async def test_verify_refuses_by_rule_when_a_claim_breaks_it(
    claims: dict[str, object], code: str
) -> None:
    refused_with = await refusal(make_verifier(), token(claims))

    assert code == refused_with


@pytest.mark.parametrize(
    ("header", "code"),
    [
        ({"alg": "none"}, "token_signature"),
        ({"alg": "HS256"}, "token_signature"),
        ({"alg": "RS512"}, "token_signature"),
        ({"alg": None}, "token_signature"),
        ({"alg": ["RS256"]}, "token_signature"),
        ({"typ": "at+jwt"}, "token_kind"),
        ({"typ": "jwt"}, "token_kind"),
        ({"cat": "cl_B7d4PD333AAA"}, "token_kind"),
        ({"kid": 7}, "token_malformed"),
        ({"crit": ["exp"], "exp": 1}, "token_malformed"),
        ({"crit": ["b64"], "b64": True}, "token_malformed"),
        ({"crit": []}, "token_malformed"),
        ({"b64": False}, "token_malformed"),
    ],
)
async def test_verify_refuses_by_rule_when_the_header_breaks_it(
    header: dict[str, object], code: str
) -> None:
    """Each invalid header has its own error code, even with a valid signature."""
    refused_with = await refusal(make_verifier(), token(header=header))

    assert code == refused_with


@pytest.mark.parametrize(
    "header", [{"jku": "https://evil.example"}, {"jwk": {"kty": "RSA"}}, {"x5u": "file:///etc"}]
)
async def test_verify_does_not_follow_when_a_header_points_at_a_key(
    header: dict[str, object],
) -> None:
    body = token(header=header).rsplit(".", 1)[0]
    forged = private_key("forger")
    stranger = sign(
        b'{"alg":"RS256","jku":"https://evil.example"}', b'{"sub":"user_alice"}', forged
    )

    accepted = await make_verifier().verify(token(header=header))

    assert "user_alice" == accepted.user_id
    assert "token_signature" == await refusal(make_verifier(), stranger)
    assert "token_signature" == await refusal(
        make_verifier(), f"{body}.{stranger.rsplit('.', 1)[1]}"
    )


@pytest.mark.parametrize(
    "text",
    [
        "",
        ".",
        "..",
        "...",
        "null",
        "a.b.c",
        "Bearer " + "a.b.c",
        "e30.e30",
        "e30.e30.e30.e30",
        "é.é.é",
        "\ud800.\ud800.\ud800",
        "\0",
        "A" * 100_000,
        f"{base64url(b'[]')}.e30.e30",
        f"{base64url(b'[' * 4000)}.e30.e30",
        f"{base64url(b'1' * 5000)}.e30.e30",
        f"{base64url(bytes([255, 254]))}.e30.e30",
    ],
)
async def test_verify_refuses_when_the_text_is_no_token(text: str) -> None:
    refused_with = await refusal(make_verifier(), text)

    assert "token_malformed" == refused_with


@pytest.mark.parametrize("payload", [b"", b"[]", b"{", b"null", b"[" * 4000, b"1" * 5000, b"\xff"])
async def test_verify_refuses_when_signed_claims_are_no_object(payload: bytes) -> None:
    refused_with = await refusal(make_verifier(), sign(b'{"alg":"RS256"}', payload))

    assert "token_malformed" == refused_with


async def test_verify_refuses_when_the_token_is_longer_than_any_real_one() -> None:
    """The limit of 8 KiB is checked before decoding."""
    refused_with = await refusal(make_verifier(), token({"padding": "x" * 8192}))

    assert "token_malformed" == refused_with


async def test_verify_judges_the_signature_first_when_claims_are_wrong_too() -> None:
    """The error code does not reveal to an attacker which claims are correct."""
    expired_forgery = sign(b'{"alg":"RS256"}', b'{"exp":1}', private_key("forger"))

    refused_with = await refusal(make_verifier(), expired_forgery)

    assert "token_signature" == refused_with


async def test_verify_refuses_a_second_spelling_when_the_token_is_the_same() -> None:
    """A revoked token that is written with padding or spare bits would not be in the blacklist."""
    text = token()
    last = ALPHABET.index(text[-1])
    spare_bits_set = text[:-1] + ALPHABET[last + 1]

    codes = [
        await refusal(make_verifier(), spelling)
        for spelling in (f"{text}==", f"{text}\n", spare_bits_set)
    ]

    assert ["token_malformed"] * 3 == codes


async def test_verify_allows_five_seconds_when_clocks_differ() -> None:
    """A token is valid from 5 s before its start until 5 s after its expiry."""
    clock = ManualClock()
    text = token({"nbf": NOW + 5, "iat": NOW + 5})
    verifier = make_verifier(clock)

    await verifier.verify(text)
    clock.advance(64.999)
    principal = await verifier.verify(text)
    clock.advance(0.001)

    assert NOW + 60 == principal.expires_at
    with pytest.raises(AuthenticationError, match="expired"):
        await verifier.verify(text)


@pytest.mark.parametrize("issued_at", [NOW - 600, NOW, NOW + 5])
async def test_verify_gives_an_earlier_end_when_the_token_would_outlive_the_memory_of_revocations(
    issued_at: int,
) -> None:
    """The session ends a fixed time after ``iat``, even if ``exp`` is later."""
    principal = await make_verifier().verify(token({"iat": issued_at, "exp": NOW + 10**9}))

    assert issued_at + MAX_TOKEN_SECONDS == principal.expires_at


async def test_verify_gives_no_later_issue_than_now_when_the_issuers_clock_is_ahead() -> None:
    """A revocation that happens now applies to a token whose ``iat`` is in the future."""
    principal = await make_verifier().verify(token({"iat": NOW + 5}))

    assert NOW == principal.issued_at
