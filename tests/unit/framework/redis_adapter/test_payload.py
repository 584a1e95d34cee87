"""Tests of the payloads between nodes (app/framework/redis_adapter/payload.py)."""

from datetime import UTC, datetime

import msgpack
import pytest

from app.framework.redis_adapter.payload import (
    MAX_PAYLOAD_BYTES,
    MalformedMessageError,
    decode,
    encode,
    event_of,
    pack,
    selection_of,
)

AT = datetime(2026, 1, 2, 3, 4, 5, 678_000, tzinfo=UTC)


def test_payload_is_msgpack_when_it_has_bytes() -> None:
    """Dates are written as in JSON."""
    payload = encode({"bytes": b"\x00\xff", "at": AT})

    assert {"bytes": b"\x00\xff", "at": "2026-01-02T03:04:05.678Z"} == decode(payload)


def test_lone_surrogate_is_packed_when_a_client_has_sent_it() -> None:
    """Node replaces the character."""
    assert b"\x91\xa3\xed\xa0\x80" == pack(["\ud800"])


@pytest.mark.parametrize(
    ("payload", "date"),
    [
        ("d7ffa1a5d600695735a5", AT),
        ("d6ff695735a5", AT.replace(microsecond=0)),
        ("c70cff1dcd6500ffffffffed318525", datetime(1960, 1, 2, 3, 4, 5, 500_000, tzinfo=UTC)),
    ],
)
def test_date_becomes_a_datetime_when_node_has_sent_it(payload: str, date: datetime) -> None:
    """The payloads are those of notepack.io."""
    assert date == decode(bytes.fromhex(payload))


@pytest.mark.parametrize(
    "payload",
    [
        b"",
        b"{",
        b"\xc1",
        b"\x81\x90\x01",
        b"\xc7\x0c\xff" + b"\x00" * 4 + b"\x7f" + b"\xff" * 7,
        b"\x91" * 2_000 + b"\xc0",
        pack("x") + b"\x00",
        pack("x" * MAX_PAYLOAD_BYTES),
        msgpack.packb(msgpack.ExtType(7, b"x")),
    ],
    ids=["empty", "json", "type", "key", "date", "depth", "rest", "length", "extension"],
)
def test_payload_is_refused_when_it_is_malformed(payload: bytes) -> None:
    with pytest.raises(MalformedMessageError):
        decode(payload)


@pytest.mark.parametrize("packet", [None, {}, {"type": 3, "data": ["x"]}, {"type": 2, "data": []}])
def test_packet_is_refused_when_it_is_no_event(packet: object) -> None:
    with pytest.raises(MalformedMessageError):
        event_of(packet)


@pytest.mark.parametrize(
    "options", [None, {}, {"rooms": [1], "except": []}, {"rooms": [], "except": "x"}]
)
def test_options_are_refused_when_they_name_no_rooms(options: object) -> None:
    with pytest.raises(MalformedMessageError):
        selection_of(options)
