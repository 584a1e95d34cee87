"""Tests the encoding and decoding of binary packets, and bytes where they are not allowed."""

import dataclasses
from enum import Enum
from typing import Any
from uuid import UUID

import pytest

from app.framework.platform_socketio import json_codec
from app.framework.platform_socketio.errors import MalformedPacketError
from app.framework.platform_socketio.socket_io import binary_packets
from app.framework.platform_socketio.socket_io.packets import StrictPacket
from app.framework.platform_socketio.socket_io.room_manager import RoomManager
from app.framework.platform_socketio.websocket.write_batcher import (
    WriteBatcher,
    binary_frame,
    text_frame,
)

ID = UUID("f81d4fae-7dec-41d0-a765-00a0c91e6bf6")


class _Kind(Enum):
    FILE = "file"


@dataclasses.dataclass
class _File:
    name: str
    content: bytes


def placeholder(number: object) -> str:
    return f'{{"_placeholder":true,"num":{number}}}'


def test_event_has_placeholders_when_it_contains_bytes() -> None:
    """The attachments follow the text in the order of the numbers in the placeholders."""
    frames = binary_packets.event_frames("/files", "e", (bytearray(b"a"), [ID, _File("x", b"b")]))

    text = f'452-/files,["e",{placeholder(0)},["{ID}",{{"name":"x","content":{placeholder(1)}}}]]'
    assert text_frame(text.encode()) + binary_frame(b"a") + binary_frame(b"b") == frames


def test_event_has_each_attachment_once_when_a_text_has_a_lone_surrogate() -> None:
    """The faster encoder fails at such a text; the slower one then replaces the bytes once more."""
    frames = binary_packets.event_frames("/", "e", (memoryview(b"a"), "\ud800", ID, _Kind.FILE))

    text = rf'451-["e",{placeholder(0)},"\ud800","{ID}","file"]'
    assert text_frame(text.encode()) + binary_frame(b"a") == frames


@pytest.mark.parametrize("number", [0, 7])
@pytest.mark.parametrize("text", ["", "\ud800"])
def test_event_is_refused_when_it_relays_a_placeholder(number: int, text: str) -> None:
    """A client could disconnect others: their decoder fails at a placeholder without attachment."""
    fake = {"_placeholder": True, "num": number}

    with pytest.raises(TypeError, match="'_placeholder': true"):
        binary_packets.event_frames("/", "e", (b"a", {"profile": [fake]}, text))


def test_event_is_sent_when_a_text_looks_like_a_placeholder() -> None:
    """Only an object whose field ``_placeholder`` is true is a placeholder."""
    args = (b"a", placeholder(0), {"_placeholder": 1}, {"a": '"_placeholder":true'})

    frames = binary_packets.event_frames("/", "e", args)

    assert frames.endswith(binary_frame(b"a"))


def test_ack_has_its_id_when_it_contains_bytes() -> None:
    expected = text_frame(f"461-7[{placeholder(0)}]".encode()) + binary_frame(b"a" * 70_000)

    assert expected == binary_packets.ack_frames("/", 7, (b"a" * 70_000,))


@pytest.mark.parametrize("value", [b"a", {"a": [b"b"]}])
async def test_event_is_refused_when_the_server_allows_no_bytes(value: Any) -> None:
    """The error names the option ``max_attachments``."""
    rooms = RoomManager(WriteBatcher()).open_namespace("/")

    with pytest.raises(
        TypeError, match=r"bytes need @web_socket_gateway\(max_attachments=\.\.\.\)"
    ):
        rooms.event_frame("e", (value,))
    with pytest.raises(json_codec.BytesFound, match="bytes have no JSON form"):
        json_codec.dump(value)


def test_packet_has_its_bytes_when_it_is_decoded() -> None:
    """Placeholders may be in any order, and other objects stay unchanged."""
    message = f'452-/files,12["e",{placeholder(1)},{{"a":[{placeholder(0)}],"_placeholder":1}}]'

    decoded = binary_packets.decode(message, [b"x", b"y"])

    assert ("/files", 12) == (decoded.namespace, decoded.id)
    assert ["e", b"y", {"a": [b"x"], "_placeholder": 1}] == decoded.data


@pytest.mark.parametrize(
    "message",
    [
        f'451-["e",{placeholder(1)}]',
        f'451-["e",{placeholder(0)},{placeholder(0)}]',
        f'451-["e",{placeholder(-1)}]',
        f'451-["e",{placeholder("true")}]',
        f'451-["e",{placeholder(0.5)}]',
        '451-["e",{"_placeholder":true}]',
        f"451-[{placeholder(0)}",
        f"451-[{placeholder(0)}]",
        '451-["connect"]',
        "451-",
        "461-[]",
        f'42["e",{placeholder(0)}]',
        '4500001-["e"]',
    ],
)
def test_packet_is_malformed_when_no_client_would_send_it(message: str) -> None:
    with pytest.raises(MalformedPacketError):
        binary_packets.decode(message, [b"x"])


def test_packet_without_attachments_keeps_its_objects() -> None:
    """A client that sends a placeholder in a plain event gives the handler an object."""
    decoded = StrictPacket.parse(f'2["e",{placeholder(0)}]')

    assert ["e", {"_placeholder": True, "num": 0}] == decoded.data
