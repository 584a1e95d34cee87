import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.adapters.redis.revocation_message import MAX_BYTES, decode_revocation, encode_revocation
from app.domain.credential import Revocation
from app.domain.ids import UserId

TOKEN = "eyJhbGciOi.eyJzdWIi.c2lnbmF0dXJl"


@pytest.mark.parametrize(
    "revocation",
    [
        Revocation.of_token(TOKEN),
        Revocation.of_session("sess_alice"),
        Revocation.of_user(UserId("user_\ud800"), 1_769_850_000.123),
    ],
    ids=["token", "session", "user"],
)
def test_decode_gives_the_revocation_when_it_was_encoded(revocation: Revocation) -> None:
    assert revocation == decode_revocation(encode_revocation(revocation))


def test_encode_holds_no_token_when_one_is_revoked() -> None:
    """The message contains only the digest of the revoked token."""
    message = encode_revocation(Revocation.of_token(TOKEN))

    assert TOKEN.encode() not in message
    assert {"kind", "subject"} == json.loads(message).keys()


@pytest.mark.parametrize(
    "message",
    [
        b"",
        b"\xff\xfe",
        b"1",
        b"[]",
        b"{}",
        b"[" * MAX_BYTES,
        b'{"kind": "user", "subject": "user_alice"}',
        b'{"kind": "user", "subject": "user_alice", "issuedUntil": null}',
        b'{"kind": "user", "subject": "user_alice", "issuedUntil": NaN}',
        b'{"kind": "user", "subject": "user_alice", "issuedUntil": 1e999}',
        b'{"kind": "user", "subject": "user_alice", "issuedUntil": 1' + b"0" * 400 + b"}",
        b'{"kind": "everybody", "subject": "user_alice", "issuedUntil": 1}',
        b'{"kind": ["user"], "subject": "user_alice", "issuedUntil": 1}',
        b'{"kind": "session", "subject": 1}',
        b'{"kind": "session", "subject": "' + b"s" * MAX_BYTES + b'"}',
    ],
)
def test_decode_refuses_a_message_when_it_is_none_of_ours(message: bytes) -> None:
    """Decoding a malformed message raises ValueError, without quoting the message."""
    with pytest.raises(ValueError, match="a revocation") as refusal:
        decode_revocation(message)

    assert "alice" not in str(refusal.value)


@given(st.binary(max_size=200) | st.recursive(st.none() | st.text(), st.lists).map(repr))
def test_decode_raises_nothing_else_when_the_message_is_anything(message: bytes | str) -> None:
    """An error other than ValueError would end the subscription."""
    data = message if isinstance(message, bytes) else message.encode(errors="replace")

    with pytest.raises(ValueError, match="a revocation"):
        decode_revocation(data)
