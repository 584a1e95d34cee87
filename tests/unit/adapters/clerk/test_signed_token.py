import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.adapters.clerk import signed_token
from app.adapters.clerk.signed_token import MAX_KNOWN_HEADERS, TokenHeader, read_claims, read_header
from app.domain.errors import AuthenticationError
from tests.unit.adapters.clerk.pyjwt_oracle import pyjwt_verdict
from tests.unit.adapters.clerk.signed_tokens import (
    KEY_ID,
    SESSION_CLAIMS,
    SESSION_HEADER,
    private_key,
    sign,
    token,
)

KEY = private_key().public_key()
HEADER = b'{"alg":"RS256"}'
CHARACTERS = st.sampled_from("ABCz09-_.=+/ \0é\ud800") | st.characters()
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=8,
)


def verdict(text: str) -> str:
    """Return the ``repr`` of the claims, or the error code."""
    try:
        read_header(text)
        return repr(read_claims(text, KEY))
    except AuthenticationError as refusal:
        return refusal.code


def changed(base: dict[str, object], changes: dict[str, Any]) -> bytes:
    """Return the object with these fields, as JSON that may contain NaN and lone surrogates."""
    return json.dumps({**base, **changes}).encode()


@given(data=st.data())
def test_token_is_judged_as_by_pyjwt_when_its_text_is_changed(data: st.DataObject) -> None:
    characters = list(token())
    for _ in range(data.draw(st.integers(0, 3))):
        at = data.draw(st.integers(0, len(characters) - 1))
        until = data.draw(st.integers(at, min(at + 2, len(characters))))
        characters[at:until] = data.draw(st.lists(CHARACTERS, max_size=3))
    text = "".join(characters)

    assert pyjwt_verdict(text, KEY) == verdict(text)


@given(
    header=st.dictionaries(
        st.sampled_from(["alg", "kid", "typ", "cat", "crit", "b64", "jku"]),
        JSON
        | st.sampled_from(
            ["RS256", "HS256", "none", "JWT", "cl_B7d4PD333AAA", ["b64"], "cl_B7d4PD222AAA"]
        ),
    ),
    claims=st.dictionaries(st.sampled_from(["exp", "sub", "more"]) | st.text(), JSON),
)
def test_token_is_judged_as_by_pyjwt_when_header_and_claims_are_anything(
    header: dict[str, Any], claims: dict[str, Any]
) -> None:
    text = sign(changed(SESSION_HEADER, header), changed(SESSION_CLAIMS, claims))

    assert pyjwt_verdict(text, KEY) == verdict(text)


@given(payload=st.binary(max_size=40) | JSON.map(lambda value: json.dumps(value).encode()))
def test_token_is_judged_as_by_pyjwt_when_its_parts_are_any_bytes(payload: bytes) -> None:
    for text in (sign(payload, b"{}"), sign(HEADER, payload)):
        assert pyjwt_verdict(text, KEY) == verdict(text)


@pytest.mark.parametrize(
    ("payload", "expected"),
    [
        (b'{"exp":1,"exp":2}', "{'exp': 2}"),
        (b'{"exp":NaN}', "{'exp': nan}"),
        (b'{"exp":-Infinity}', "{'exp': -inf}"),
        (b'{"exp":1e999}', "{'exp': inf}"),
        (b'{"exp":18446744073709551616}', "{'exp': 18446744073709551616}"),
        (b'{"exp":' + b"9" * 4_300 + b"}", "{'exp': " + "9" * 4_300 + "}"),
        (b'{"exp":' + b"9" * 4_301 + b"}", "token_malformed"),
        (b'{"sub":"\\ud800"}', "{'sub': '\\ud800'}"),
        (b'{"sub":"\xed\xa0\x80"}', "{'sub': '\\ud800'}"),
        (b'{"sub":"\xff"}', "token_malformed"),
        (b'\xef\xbb\xbf{"sub":"bom"}', "{'sub': 'bom'}"),
        ('{"sub":"wide"}'.encode("utf-16"), "{'sub': 'wide'}"),
        (b'{"a":' + b"[" * 100 + b"]" * 100 + b"}", f"{{'a': {'[' * 100}{']' * 100}}}"),
        (b'{"a":1,}', "token_malformed"),
        (b'{"a":1} ', "{'a': 1}"),
        (b"{'a':1}", "token_malformed"),
    ],
)
def test_claims_are_read_as_by_pyjwt_when_the_json_is_odd(payload: bytes, expected: str) -> None:
    text = sign(HEADER, payload)

    assert (expected, expected) == (pyjwt_verdict(text, KEY), verdict(text))


def test_claims_are_read_as_by_pyjwt_when_they_are_nested_deeply() -> None:
    """Python 3.11 rejects this depth and 3.13 accepts it. RecursionError is never raised."""
    depth = 2_500
    text = sign(HEADER, b'{"a":' + b"[" * depth + b"]" * depth + b"}")

    judged = verdict(text)

    assert pyjwt_verdict(text, KEY) == judged
    assert judged.startswith(("token_malformed", "{'a': [[["))


def test_header_is_parsed_once_when_tokens_share_it() -> None:
    signed_token._check_header.cache_clear()

    headers = {read_header(token({"jti": str(number)})) for number in range(3)}

    assert {TokenHeader(KEY_ID, is_from_template=False)} == headers
    assert 1 == signed_token._check_header.cache_info().misses


def test_headers_kept_are_bounded_when_strangers_invent_them() -> None:
    """The cache contains no invalid headers, and a limited number of valid ones."""
    signed_token._check_header.cache_clear()

    for number in range(MAX_KNOWN_HEADERS + 1):
        read_header(token(header={"kid": str(number)}))
        with pytest.raises(AuthenticationError):
            read_header(token(header={"alg": "none", "kid": str(number)}))

    assert MAX_KNOWN_HEADERS == signed_token._check_header.cache_info().currsize
