"""Socket.IO packets, decoded as strictly as socket.io-parser does.

python-socketio 5.18's own decoder accepts reserved event names, payloads of any shape and billions
of binary attachments (SECURITY: CVE-2026-48804 and its kin). This contract has no binary at all.

Of its ``Packet``: the constructor, which calls ``decode``; ``encode``, which calls ``json.dumps``;
``uses_binary_events``. A test holds the library to it, see `upgrade`.
"""

import re
from collections.abc import Mapping
from functools import lru_cache
from typing import Any, Self

from socketio import packet

from app.framework.platform_socketio import json_codec as codec
from app.framework.websockets.socket import RESERVED_EVENTS

_MESSAGE = "4"
"""Engine.IO's packet type before every Socket.IO packet."""

_DEFAULT_NAMESPACE = "/"

_EVENT_HEAD_MAX_CHARS = 18
"""Message, packet type, 15 digits of an id, and the bracket."""

_HEADS = 4_096
"""How many heads are remembered: clients count their ids from 0, so all send the same ones."""

_NO_EVENT = -1

AUTH_MAX_CHARS, AUTH_MAX_VALUES = 8_192, 128
"""Of a CONNECT packet, without its token. All of it is kept as long as the socket, where an empty
list takes 60 bytes."""

_PACKET = re.compile(
    r"(?P<type>[0123])"  # CONNECT, DISCONNECT, EVENT, ACK: no more from a client
    r"(?:(?P<namespace>/[^,]{0,99})(?:,|\Z))?"
    r"(?P<id>[0-9]{1,15})?"
    r"(?P<data>[\[{].*)?",
    re.DOTALL,
)


class MalformedPacketError(ValueError):
    """The client does not speak the protocol; its connection is closed."""


class StrictPacket(packet.Packet):
    """A Socket.IO packet. Encoding is the library's, with our codec, without its binary search."""

    uses_binary_events = False
    json = codec

    @classmethod
    def parse(cls, text: str) -> Self:
        """An incoming packet.

        Raises:
            MalformedPacketError: Shape, name or JSON is wrong.
        """
        if not text:  # the library's constructor would take it for no packet to decode
            raise MalformedPacketError
        return cls(encoded_packet=text)

    def decode(self, encoded_packet: str) -> int:
        """Called by the constructor; see `parse`."""
        match = _PACKET.fullmatch(encoded_packet)
        if match is None:
            raise MalformedPacketError
        self.packet_type = int(match["type"])
        self.namespace = match["namespace"]
        self.id = None if match["id"] is None else int(match["id"])
        try:
            self.data = None if match["data"] is None else codec.loads(match["data"])
        except (ValueError, RecursionError):
            raise MalformedPacketError from None
        if not self._is_well_formed():
            raise MalformedPacketError
        return 0

    def _is_well_formed(self) -> bool:
        match self.packet_type:
            case packet.CONNECT:
                return self.id is None and (self.data is None or isinstance(self.data, dict))
            case packet.DISCONNECT:
                return self.id is None and self.data is None
            case packet.EVENT:
                return is_event(self.data)
            case _:
                return self.id is not None and isinstance(self.data, list)


def read_event(frame: str) -> tuple[int | None, list[Any]] | None:
    """The id and the array of an event of the default namespace, from its Engine.IO message.

    Nearly every packet is one, so this is its short way. None for any other packet:
    `StrictPacket.parse` is the way for all of them. Whether the array `is_event` is still to be
    asked; who finds a handler by its first entry has the answer.

    Raises:
        MalformedPacketError: It is no JSON.
    """
    start = frame.find("[", 2, _EVENT_HEAD_MAX_CHARS)
    packet_id = _event_id(frame[1:start]) if start > 0 else _NO_EVENT
    if packet_id == _NO_EVENT:
        return None
    try:
        return packet_id, codec.loads(frame[start:])
    except (ValueError, RecursionError):
        raise MalformedPacketError from None


@lru_cache(_HEADS)
def _event_id(head: str) -> int | None:
    """The id in an event's head, None without one; `_NO_EVENT` if it is another packet's head."""
    if head[:1] != "2":
        return _NO_EVENT
    digits = head[1:]
    if not digits:
        return None
    return int(digits) if digits.isascii() and digits.isdigit() else _NO_EVENT


def has_large_auth(frame: str, auth: Mapping[str, Any]) -> bool:
    """Whether a CONNECT has more than it may have; values are counted by what stands between them.

    ``token`` may be longer: guards look at it, and have their own limit and their own refusal.
    """
    token = auth.get("token")
    chars = len(frame) - (len(token) if isinstance(token, str) else 0)
    values = frame.count(",") + frame.count("[") + frame.count("{")
    return chars > AUTH_MAX_CHARS or values > AUTH_MAX_VALUES


def is_event(data: Any) -> bool:
    """Whether this is an array that begins with the name of an event."""
    return (
        isinstance(data, list)
        and bool(data)
        and isinstance(data[0], str)
        and data[0] not in RESERVED_EVENTS
    )


def connect(namespace: str, sid: str) -> bytes:
    """The answer to an admitted CONNECT."""
    return _encode(packet.CONNECT, {"sid": sid}, namespace)


def connect_error(namespace: str, message: str, data: Any) -> bytes:
    """The refusal of a CONNECT: the client's ``connect_error`` has ``message`` and ``data``."""
    reason: Mapping[str, Any] = (
        {"message": message} if data is None else {"message": message, "data": data}
    )
    return _encode(packet.CONNECT_ERROR, reason, namespace)


def disconnect(namespace: str) -> bytes:
    """The client sees ``io server disconnect`` and does not come back by itself."""
    return _encode(packet.DISCONNECT, None, namespace)


def event(namespace: str, name: str, args: tuple[Any, ...]) -> bytes:
    """An event with its arguments."""
    if namespace == _DEFAULT_NAMESPACE:
        return b"42" + codec.dump((name, *args))
    return _encode(packet.EVENT, [name, *args], namespace)


def ack(namespace: str, packet_id: int, args: tuple[Any, ...]) -> bytes:
    """The answer to an event that asked for one."""
    if namespace == _DEFAULT_NAMESPACE:
        return b"43%d%b" % (packet_id, codec.dump(args))
    return _encode(packet.ACK, list(args), namespace, packet_id)


def _encode(packet_type: int, data: Any, namespace: str, packet_id: int | None = None) -> bytes:
    """The payload of one WebSocket text frame."""
    encoded = StrictPacket(packet_type, data=data, namespace=namespace, id=packet_id).encode()
    return (_MESSAGE + encoded).encode()
