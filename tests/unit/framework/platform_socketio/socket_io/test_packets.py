from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from socketio import packet as packet_types

from app.framework.platform_socketio import json_codec
from app.framework.platform_socketio.errors import MalformedPacketError
from app.framework.platform_socketio.socket_io import packets
from app.framework.platform_socketio.socket_io.packets import StrictPacket
from app.framework.websockets.broadcast import RESERVED_EVENTS

NAMESPACE = st.none() | st.from_regex(r"/[a-z0-9 é]{0,20}", fullmatch=True)
ACK_ID = st.none() | st.integers(min_value=0, max_value=10**15 - 1)
ARGUMENTS = st.lists(
    st.none() | st.booleans() | st.integers(-(2**53), 2**53) | st.text() | st.just({"a": [1]}),
    max_size=4,
)
NAME = st.text().filter(lambda name: name not in RESERVED_EVENTS)

# Random texts of the characters that packets consist of.
NEARLY = st.text(alphabet='0123456789-/,?[]{}":aconetd \\\0é', max_size=40)


def _decoded(text: str) -> StrictPacket | None:
    try:
        return StrictPacket(encoded_packet=text)
    except MalformedPacketError:
        return None


def _parts(packet: StrictPacket) -> tuple[Any, ...]:
    return packet.packet_type, packet.namespace, packet.id, packet.data


@given(st.text(min_size=1) | NEARLY.filter(bool))
def test_decode_raises_nothing_but_malformed_when_given_any_text(text: str) -> None:
    """An accepted packet equals itself after it is encoded and decoded again."""
    packet = _decoded(text)

    if packet is not None:
        again = StrictPacket(encoded_packet=str(packet.encode()))
        default = {None: "/", "/": "/"}
        assert default.get(packet.namespace, packet.namespace) == default.get(
            again.namespace, again.namespace
        )
        assert (packet.packet_type, packet.id, packet.data or None) == (
            again.packet_type,
            again.id,
            again.data or None,
        )


@given(NAMESPACE, ACK_ID, NAME, ARGUMENTS)
def test_event_is_read_as_written_when_well_formed(
    namespace: str | None, ack_id: int | None, name: str, arguments: list[Any]
) -> None:
    """The namespace, id, name and arguments are decoded."""
    prefix = "" if namespace is None else f"{namespace},"
    number = "" if ack_id is None else ack_id
    text = f"2{prefix}{number}{json_codec.dumps([name, *arguments])}"

    packet = StrictPacket(encoded_packet=text)

    assert (packet_types.EVENT, namespace, ack_id, [name, *arguments]) == _parts(packet)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("0", (packet_types.CONNECT, None, None, None)),
        ('0{"token":"t"}', (packet_types.CONNECT, None, None, {"token": "t"})),
        ('0/admin,{"token":"t"}', (packet_types.CONNECT, "/admin", None, {"token": "t"})),
        ("0/admin", (packet_types.CONNECT, "/admin", None, None)),
        ("0/admin?a=b,", (packet_types.CONNECT, "/admin?a=b", None, None)),
        ("1", (packet_types.DISCONNECT, None, None, None)),
        ("1/admin,", (packet_types.DISCONNECT, "/admin", None, None)),
        ('2["a"]', (packet_types.EVENT, None, None, ["a"])),
        ('27["",null]', (packet_types.EVENT, None, 7, ["", None])),
        ("37[]", (packet_types.ACK, None, 7, [])),
    ],
)
def test_decode_takes_the_parts_when_well_formed(text: str, expected: tuple[Any, ...]) -> None:
    """The parts are the same as those that socket.io-parser decodes."""
    assert expected == _parts(StrictPacket(encoded_packet=text))


@pytest.mark.parametrize("name", sorted(RESERVED_EVENTS))
def test_event_is_malformed_when_its_name_is_reserved(name: str) -> None:
    """Clients must not reach the lifecycle handlers by their names."""
    with pytest.raises(MalformedPacketError):
        StrictPacket(encoded_packet=f'2["{name}"]')


def test_malformed_error_says_nothing_of_the_packet_when_raised() -> None:
    """The error's text contains no part of the packet, because a packet may contain a token."""
    with pytest.raises(MalformedPacketError) as caught:
        StrictPacket(encoded_packet='0{"token":"opensesame"')

    assert "opensesame" not in f"{caught.value!r} {caught.value.__cause__!r}"


@pytest.mark.parametrize(
    ("frame", "expected"),
    [
        (packets.encode_connect("/", "s1"), b'40{"sid":"s1"}'),
        (packets.encode_connect("/admin", "s1"), b'40/admin,{"sid":"s1"}'),
        (packets.encode_connect_error("/", "no", None), b'44{"message":"no"}'),
        (
            packets.encode_connect_error("/", "no", {"code": "c"}),
            b'44{"message":"no","data":{"code":"c"}}',
        ),
        (packets.encode_disconnect("/"), b"41"),
        (packets.encode_disconnect("/admin"), b"41/admin,"),
        (packets.encode_event("/", "é", (1, None)), '42["é",1,null]'.encode()),
        (packets.encode_ack("/", 0, ()), b"430[]"),
        (packets.encode_ack("/admin", 12, ({"a": 1},)), b'43/admin,12[{"a":1}]'),
    ],
    ids=lambda value: value.decode() if isinstance(value, bytes) else None,
)
def test_frame_is_nodes_when_written(frame: bytes, expected: bytes) -> None:
    """The bytes are those that socket.io-parser writes."""
    assert expected == frame
