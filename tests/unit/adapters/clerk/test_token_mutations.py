"""Tests tokens that differ slightly from a valid token (app/adapters/clerk/token_verifier.py)."""

import json
from base64 import urlsafe_b64decode
from string import ascii_letters, digits
from typing import Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from app.domain.errors import AuthenticationError
from tests.unit.adapters.clerk.signed_tokens import (
    ISSUER,
    NOW,
    PARTY,
    SESSION_CLAIMS,
    SESSION_HEADER,
    base64url,
    private_key,
    sign,
    token,
)
from tests.unit.adapters.clerk.verifiers import make_verifier

ALPHABET = f"{ascii_letters}{digits}-_"
FOREIGN = ".=+/ ~%\n\t\0é\u202e\ud800"
TOKEN = token()
GENUINE = (
    TOKEN,
    token({"sub": "user_bob", "sid": "sess_bob", "jti": "another"}),
    token({"sts": "pending"}),
    token({"exp": NOW - 60}),
    token({"azp": "https://other.example.com"}),
    token(header={"cat": "cl_B7d4PD333AAA"}),
    token(header={"kid": "ins_second"}),
    sign(json.dumps(SESSION_HEADER).encode(), json.dumps(SESSION_CLAIMS).encode()),
    sign(
        json.dumps(SESSION_HEADER).encode(),
        json.dumps(SESSION_CLAIMS).encode(),
        private_key("forger"),
    ),
)
"""Tokens with valid signatures. Another key signed the last token."""

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=8,
)
PLAUSIBLE = st.sampled_from(
    ["RS256", "none", "HS256", "JWT", "user_bob", "sess_bob", ISSUER, PARTY, NOW, NOW + 3_000]
)

_verifier = make_verifier()


async def verdict(text: str) -> str:
    """Return `accepted` or the error code. Any other error fails the test."""
    try:
        await _verifier.verify(text)
    except AuthenticationError as error:
        return error.code
    return "accepted"


async def test_token_itself_is_accepted() -> None:
    """The unchanged token is accepted, so in the other tests the change causes the rejection."""
    assert "accepted" == await verdict(TOKEN)


async def test_token_is_refused_when_any_character_is_replaced() -> None:
    """Half of the alphabet is tried at even positions, and the other half at odd ones."""
    for at, character in enumerate(TOKEN):
        for other in ALPHABET[at % 2 :: 2] + FOREIGN:
            text = f"{TOKEN[:at]}{other}{TOKEN[at + 1 :]}"
            assert other == character or "accepted" != await verdict(text), at


async def test_token_is_refused_when_a_character_is_put_in_anywhere() -> None:
    for at in range(len(TOKEN) + 1):
        for other in ALPHABET[::8]:
            assert "accepted" != await verdict(f"{TOKEN[:at]}{other}{TOKEN[at:]}"), at


async def test_token_is_refused_when_any_character_is_left_out_or_swapped() -> None:
    for at in range(len(TOKEN)):
        head, here, tail = TOKEN[:at], TOKEN[at], TOKEN[at + 1 :]
        swapped = f"{head}{tail[:1]}{here}{tail[1:]}"

        assert "accepted" != await verdict(f"{head}{tail}"), at
        assert swapped == TOKEN or "accepted" != await verdict(swapped), at


@pytest.mark.parametrize("character", FOREIGN)
async def test_token_is_refused_when_a_foreign_character_stands_in_it(character: str) -> None:
    """Some base64 decoders skip foreign characters, so they accept several texts for one token."""
    for at in range(len(TOKEN) + 1):
        assert "token_malformed" == await verdict(f"{TOKEN[:at]}{character}{TOKEN[at:]}"), at


async def test_token_is_refused_when_any_bit_is_flipped() -> None:
    for at, character in enumerate(TOKEN):
        for bit in range(8):
            flipped = chr(ord(character) ^ 1 << bit)
            assert "accepted" != await verdict(f"{TOKEN[:at]}{flipped}{TOKEN[at + 1 :]}"), at


@settings(max_examples=250)
@given(data=st.data())
async def test_token_is_refused_when_its_text_is_edited(data: st.DataObject) -> None:
    text = TOKEN
    for _ in range(data.draw(st.integers(1, 4))):
        at = data.draw(st.integers(0, len(text)))
        until = data.draw(st.integers(at, min(at + 8, len(text))))
        to = data.draw(st.integers(0, len(text)))
        put_in = data.draw(st.text(ALPHABET + FOREIGN, max_size=4) | st.just(text[to : to + 8]))
        text = f"{text[:at]}{put_in}{text[until:]}"

    assert text == TOKEN or "accepted" != await verdict(text)


@pytest.mark.parametrize("segment", range(3))
async def test_token_is_refused_when_a_segment_is_spelt_otherwise(segment: int) -> None:
    """Each changed segment decodes to the same bytes as the original."""
    # The signature covers the text of header and claims, so only the signature itself could have
    # a second spelling. A token with a second spelling would not be in the list of revoked tokens.
    parts = TOKEN.split(".")
    bytes_of_it = urlsafe_b64decode(f"{parts[segment]}==")
    spellings = {
        f"{parts[segment]}{padding}" for padding in ("=", "==", "===", "====", "=A", "\n", " ")
    }
    spellings |= {parts[segment].replace("-", "+"), parts[segment].replace("_", "/")}
    spellings |= {f"{parts[segment][:-1]}{last}" for last in ALPHABET}
    spellings |= {base64url(bytes_of_it + b"\0"), base64url(b"\0" + bytes_of_it)}
    spellings.remove(parts[segment])

    verdicts = {
        await verdict(".".join([*parts[:segment], spelling, *parts[segment + 1 :]]))
        for spelling in spellings
    }

    assert "accepted" not in verdicts


@settings(max_examples=250)
@given(
    name=st.sampled_from([*SESSION_HEADER, "crit", "b64", "jku", "jwk", "x5u"]) | st.text(),
    value=PLAUSIBLE | JSON,
)
@example(name="alg", value="none")
@example(name="kid", value="")
async def test_token_is_refused_when_its_header_is_edited(name: str, value: object) -> None:
    """A token with an edited header is rejected, with the old signature and without one."""
    _, claims, signature = TOKEN.split(".")
    header = _encoded({**SESSION_HEADER, name: value})

    for end in (signature, ""):
        text = f"{header}.{claims}.{end}"
        assert text == TOKEN or "accepted" != await verdict(text)


@settings(max_examples=250)
@given(name=st.sampled_from([*SESSION_CLAIMS]) | st.text(), value=PLAUSIBLE | JSON)
@example(name="sub", value="user_bob")
@example(name="exp", value=NOW + 61)
async def test_token_is_refused_when_its_claims_are_edited(name: str, value: object) -> None:
    """A token with edited claims is rejected, with the old signature and without one."""
    header, _, signature = TOKEN.split(".")
    text = f"{header}.{_encoded({**SESSION_CLAIMS, name: value})}.{signature}"

    assert text == TOKEN or "token_signature" == await verdict(text)


async def test_token_is_refused_when_its_segments_are_of_several_tokens() -> None:
    parts = [text.split(".") for text in GENUINE]
    mixed = {
        f"{header}.{claims}.{signature}"
        for header, _, _ in parts
        for _, claims, _ in parts
        for _, _, signature in parts
    }

    accepted = {text for text in mixed if "accepted" == await verdict(text)}

    # A PEM key ignores `kid`, so a token with another key id is valid, too.
    assert {GENUINE[0], GENUINE[1], GENUINE[6], GENUINE[7]} == accepted


@settings(max_examples=250)
@given(
    text=st.text()
    | st.text(ALPHABET + ".", max_size=200)
    | st.from_regex(r"[\w=.-]*\.[\w=-]*\.[\w=-]*")
)
async def test_text_is_refused_when_it_is_anything(text: str) -> None:
    assert "token_" == (await verdict(text))[:6]


@settings(max_examples=250)
@given(value=JSON)
async def test_claims_are_refused_when_they_are_anything(value: object) -> None:
    names = ["exp", "nbf", "iat", "iss", "azp", "sub", "sid", "jti", "sts", "aud"]

    assert "token_" == (await verdict(token(dict.fromkeys(names, value))))[:6]


def _encoded(value: dict[str, Any]) -> str:
    return base64url(json.dumps(value, separators=(",", ":")).encode())
