"""Tests of the payloads between nodes (app/framework/redis_adapter/payload.py)."""

import math
import time
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import msgpack
import pytest

from app.framework.platform_socketio import json_codec
from app.framework.redis_adapter.payload import (
    MAX_PAYLOAD_BYTES,
    MalformedMessageError,
    decode,
    encode,
    event_of,
    event_packet,
    pack,
    selection_of,
)


@dataclass(frozen=True)
class WithWire:
    """A value that converts itself."""

    value: Any

    def to_wire(self) -> Any:
        return self.value


AT = datetime(2026, 1, 2, 3, 4, 5, 678_000, tzinfo=UTC)


def test_payload_is_msgpack_when_it_has_bytes() -> None:
    """Dates are written as in JSON."""
    payload = encode({"bytes": b"\x00\xff", "at": AT})

    assert {"bytes": b"\x00\xff", "at": "2026-01-02T03:04:05.678Z"} == decode(payload)


def test_lone_surrogate_is_packed_when_a_client_has_sent_it() -> None:
    """Node replaces the character."""
    assert b"\x91\xa3\xed\xa0\x80" == pack(["\ud800"])


def test_lone_surrogate_is_decoded_when_another_node_has_packed_it() -> None:
    assert ["\ud800", b""] == decode(pack(["\ud800", b""]))


@pytest.mark.parametrize(
    ("value", "packed"),
    [
        (2**70, 2.0**70),
        (-(10**400), -math.inf),
        (WithWire({1}), [1]),
        (WithWire(2**70), 2.0**70),
    ],
)
def test_value_is_packed_when_only_json_has_a_form_for_it(value: object, packed: object) -> None:
    """An event that this node sends to its own sockets can be sent to other nodes."""
    assert {"value": packed, "bytes": b""} == decode(encode({"value": value, "bytes": b""}))


def test_event_of_the_maximum_depth_is_decoded_when_it_is_in_a_message() -> None:
    """The message adds some levels."""
    deep: list[object] = ["\ud800"]
    for _ in range(json_codec.MAX_DEPTH - 2):
        deep = [deep]
    json_codec.loads(json_codec.dumps(["event", deep]))
    message = {"data": {"packet": event_packet("/", "event", (deep,))}}

    assert message == decode(encode(message))


def test_large_message_is_decoded_without_counting_its_levels() -> None:
    """Counting takes more than a second for the longest message."""
    message = encode({"data": [[{}] * 70, "x" * (MAX_PAYLOAD_BYTES - 1_000)]})
    began = time.process_time()

    decode(message)

    assert time.process_time() - began < 0.2


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
