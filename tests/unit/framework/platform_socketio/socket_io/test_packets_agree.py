"""Tests that app/framework/platform_socketio/socket_io/packets.py agrees with python-socketio."""

import json
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from pydantic import BaseModel
from socketio import packet as packet_types

from app.framework.platform_socketio.errors import MalformedPacketError
from app.framework.platform_socketio.json_codec import MAX_DEPTH
from app.framework.platform_socketio.socket_io import packets
from app.framework.platform_socketio.socket_io.packets import StrictPacket
from app.framework.websockets.broadcast import RESERVED_EVENTS

Verdict = tuple[int | None, str] | str
"""``malformed``, or an event's id and the ``repr`` of its array, which shows the types."""


class Model(BaseModel):
    """A payload that pydantic encodes."""

    text: str


@dataclass(frozen=True)
class Value:
    """A payload with ``to_wire``."""

    text: str

    def to_wire(self) -> dict[str, object]:
        return {"text": self.text}


# JavaScript's strings may contain lone surrogates, which st.text does not generate.
TEXT = st.text(st.characters() | st.characters(categories=["Cs"]), max_size=12)
SCALAR = (
    st.none()
    | st.booleans()
    | st.integers(-(2**63), 2**64 - 1)
    | st.floats(allow_nan=False, allow_infinity=False)
    | TEXT
)
OURS = (
    st.builds(Model, text=st.text(max_size=5))
    | st.builds(Value, TEXT)
    | st.just(datetime(2026, 11, 23, 9, 0, 49, 123456, UTC))
)
PAYLOAD = st.recursive(
    SCALAR | OURS,
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.tuples(inner, inner)
        | st.dictionaries(TEXT, inner, max_size=4)
    ),
    max_leaves=12,
)
ARGUMENTS = st.lists(PAYLOAD, max_size=3).map(tuple)
NAMESPACE = st.just("/") | st.from_regex(r"/[a-z0-9 é\[\]{}\"?]{1,20}", fullmatch=True)
ACK_ID = st.integers(min_value=0, max_value=10**15 - 1)

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | TEXT,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXT, inner, max_size=3),
    max_leaves=6,
)
DIGITS = (
    st.text("0123456789", max_size=20)
    | st.text("0123456789٣²\U0001d7d9_+-. \t\n,/", max_size=20)
    | st.sampled_from(["007", "1_0", "+1", "-1", " 1", "1 ", "٣", "²", "1e3", "0x1", "9" * 400])
)
NAME = TEXT | st.sampled_from(sorted(RESERVED_EVENTS)) | JSON
NAME_FIRST = st.tuples(NAME, st.lists(JSON, max_size=2)).map(lambda parts: [parts[0], *parts[1]])
BODY = (NAME_FIRST | st.just([]) | JSON).flatmap(
    lambda value: st.sampled_from(
        [json.dumps(value), json.dumps(value, ensure_ascii=False), json.dumps(value, indent=1)]
    )
)
DEPTH = st.integers(1, MAX_DEPTH + 2).map(lambda depth: "[" * depth + '"e"' + "]" * depth)
TRAILING = st.just("") | st.text(']}",[{ \n\0é', max_size=2)
HOSTILE = st.tuples(st.just("42"), DIGITS, BODY | DEPTH, TRAILING).map("".join)
ANY_FRAME = st.text('0123456789-/,?[]{}":aconetd \\\0é', max_size=30).map("4".__add__)


def _by_library(frame: str) -> Verdict:
    try:
        packet = StrictPacket.parse(frame[1:])
    except MalformedPacketError:
        return "malformed"
    return packet.id, repr(packet.data)


def _by_short_way(frame: str) -> Verdict | None:
    """Decode on the fast path, as `SocketServer` does. Returns None for other packets."""
    try:
        event = packets.decode_event(frame)
    except MalformedPacketError:
        return "malformed"
    if event is None:
        return None
    packet_id, data = event
    return (packet_id, repr(data)) if packets.is_event_array(data) else "malformed"


def _encoded(
    packet_type: int, data: list[Any], namespace: str, packet_id: int | None = None
) -> bytes:
    packet = StrictPacket(packet_type, data=data, namespace=namespace, id=packet_id)
    return f"4{packet.encode()}".encode()


@given(NAMESPACE, TEXT, ARGUMENTS)
@example("/", "e", ("\ud800",))
@example("/", "é", (1e300, 0.1, -0.0, 1e-7))
def test_event_has_the_librarys_bytes_when_written(
    namespace: str, name: str, args: tuple[Any, ...]
) -> None:
    expected = _encoded(packet_types.EVENT, [name, *args], namespace)

    assert expected == packets.encode_event(namespace, name, args)


@given(NAMESPACE, ACK_ID, ARGUMENTS)
def test_ack_has_the_librarys_bytes_when_written(
    namespace: str, packet_id: int, args: tuple[Any, ...]
) -> None:
    expected = _encoded(packet_types.ACK, list(args), namespace, packet_id)

    assert expected == packets.encode_ack(namespace, packet_id, args)


@given(HOSTILE | ANY_FRAME)
@example("4")
@example("42")
@example("42[]")
@example('42"e"')
@example("42[NaN]")
@example('42["e",1e999]')
@example('42["e",NaN]')
@example('42/[,["e"]')
@example('42/a["e"]')
@example('4251-["e"]')
@example('420["e"] ')
@example('42["e"]\n')
@example('42 ["e"]')
def test_frame_has_the_librarys_verdict_when_it_takes_the_short_way(frame: str) -> None:
    """If the fast path accepts a packet, its result is the same as that of `StrictPacket`."""
    verdict = _by_short_way(frame)

    assert verdict in {None, _by_library(frame)}


@given(st.text("0123456789", max_size=15), NAME_FIRST)
def test_event_takes_the_short_way_when_it_is_one(digits: str, data: list[Any]) -> None:
    """If no event took the fast path, the comparison with `StrictPacket` would test nothing."""
    assert _by_short_way(f"42{digits}{json.dumps(data)}") is not None


@pytest.mark.parametrize("digits", range(1, 21))
def test_id_has_the_same_end_when_it_grows(digits: int) -> None:
    """Both decoders accept ids of up to 15 digits."""
    frame = f'42{"9" * digits}["e"]'

    verdict = _by_short_way(frame)

    assert ("malformed" == _by_library(frame)) == (digits > 15)
    assert (verdict is None) == (digits > 15)
