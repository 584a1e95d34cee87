"""Encodes and decodes Socket.IO's binary packets: an event or ack with bytes in its data.

A binary packet is a text message, in which an object ``{"_placeholder": true, "num": 0}`` takes the
place of each bytes object, followed by one binary message for each bytes object (an attachment).
"""

import re
from collections.abc import Sequence
from typing import Any, NamedTuple

from app.framework.platform_socketio import json_codec
from app.framework.platform_socketio.errors import MalformedPacketError
from app.framework.platform_socketio.socket_io.packets import StrictPacket
from app.framework.platform_socketio.websocket.write_batcher import binary_frame, text_frame

BINARY_EVENT, BINARY_ACK = "45", "46"
"""The packet types of Engine.IO and Socket.IO with which a binary event or ack begins."""

_HEAD = re.compile("4([56])([0-9]{1,4})-")
"""Matches the beginning of a binary packet: its types and its number of attachments."""

_PLAIN_TYPES = {"5": "42", "6": "43"}
"""Maps a binary Socket.IO packet type to the packet types of a packet without attachments."""


class BinaryHead(NamedTuple):
    """The text message of a binary packet."""

    plain: str
    """The message, converted to a packet without attachments."""
    attachments: int
    """The number of attachments that follow."""


def read_head(message: str) -> BinaryHead | None:
    """Return the head of a binary packet; None for every other message."""
    match = _HEAD.match(message)
    if match is None:
        return None
    return BinaryHead(_PLAIN_TYPES[match[1]] + message[match.end() :], int(match[2]))


def decode(message: str, attachments: Sequence[bytes]) -> StrictPacket:
    """Decode a binary packet from its text message and all its attachments.

    Raises:
        MalformedPacketError: The packet is invalid, or a placeholder has no attachment.
    """
    head = read_head(message)
    if head is None:
        raise MalformedPacketError
    decoded = StrictPacket.parse(head.plain[1:])
    decoded.data = _fill(decoded.data, dict(enumerate(attachments)))
    return decoded


def event_frames(
    namespace: str, name: str, args: tuple[Any, ...], packet_id: int | None = None
) -> bytes:
    """Return the frames of an event, joined so that no other frame comes between them.

    Args:
        packet_id: The event's id if the server awaits an ack; otherwise None.
    """
    return _frames(BINARY_EVENT, namespace, packet_id, [name, *args])


def ack_frames(namespace: str, packet_id: int, args: tuple[Any, ...]) -> bytes:
    """Return the frames of an acknowledgement, joined so that no other frame comes between them."""
    return _frames(BINARY_ACK, namespace, packet_id, list(args))


def _frames(types: str, namespace: str, packet_id: int | None, data: list[Any]) -> bytes:
    encoded, attachments = json_codec.dump_binary(data)
    prefix = "" if namespace == "/" else f"{namespace},"
    number = "" if packet_id is None else packet_id
    head = f"{types}{len(attachments)}-{prefix}{number}".encode()
    return b"".join([text_frame(head + encoded), *map(binary_frame, attachments)])


def _fill(value: Any, attachments: dict[int, bytes]) -> Any:
    """Replace each placeholder with its attachment, which is removed from ``attachments``.

    A packet that uses an attachment twice is malformed: otherwise the answer to a small packet
    could be very large. Node accepts such packets, but no client sends them. The recursion is
    limited, because `json_codec.loads` limits the depth.
    """
    if isinstance(value, list):
        return [_fill(each, attachments) for each in value]
    if not isinstance(value, dict):
        return value
    if value.get(json_codec.PLACEHOLDER) is not True:
        return {key: _fill(each, attachments) for key, each in value.items()}
    number = value.get(json_codec.PLACEHOLDER_NUMBER)
    if type(number) is not int or number not in attachments:
        raise MalformedPacketError
    return attachments.pop(number)
