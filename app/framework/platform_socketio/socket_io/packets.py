"""Encodes and decodes Socket.IO packets, as strictly as socket.io-parser.

python-socketio 5.18's own decoder accepts reserved event names, payloads of any shape and billions
of binary attachments (CVE-2026-48804). This decoder checks names and payloads, and rejects all
binary packets; `binary_packets` decodes them if the server allows them.

This module relies on internals of the library's ``Packet``: the constructor calls ``decode``, and
``encode`` calls ``json.dumps`` and reads ``uses_binary_events``. ``test_library_internals.py``
checks this.
"""

import re
from collections.abc import Mapping
from functools import lru_cache
from typing import Any, Self

from socketio import packet

from app.framework.platform_socketio import json_codec
from app.framework.platform_socketio.errors import MalformedPacketError
from app.framework.websockets.broadcast import RESERVED_EVENTS

_MESSAGE = "4"
"""The Engine.IO packet type that precedes every Socket.IO packet."""

_DEFAULT_NAMESPACE = "/"

_EVENT_HEAD_MAX_CHARS = 18
"""The maximum length of the beginning of an event: two packet types, a 15-digit id, a ``[``."""

_CACHED_HEADS = 4_096
"""The number of event heads (packet type and id) to cache. Heads repeat, because every client
assigns ids from 0 on.
"""

_NOT_AN_EVENT = -1

AUTH_MAX_CHARS, AUTH_MAX_VALUES = 8_192, 128
"""The maximum length and number of values of a CONNECT packet, not counting the token. The data
stays in memory until the socket disconnects, and even an empty list takes 60 bytes.
"""

_PACKET = re.compile(
    r"(?P<type>[0123])"  # a client may only send CONNECT, DISCONNECT, EVENT and ACK
    r"(?:(?P<namespace>/[^,]{0,99})(?:,|\Z))?"
    r"(?P<id>[0-9]{1,15})?"
    r"(?P<data>[\[{].*)?",
    re.DOTALL,
)


class StrictPacket(packet.Packet):
    """A Socket.IO packet, encoded by the library with `json_codec`, without binary attachments."""

    uses_binary_events = False
    json = json_codec

    @classmethod
    def parse(cls, text: str) -> Self:
        """Decode a packet; raise `MalformedPacketError` if its shape, event or JSON is wrong."""
        if not text:  # the library's constructor would not call `decode`
            raise MalformedPacketError
        return cls(encoded_packet=text)

    def decode(self, encoded_packet: str) -> int:
        """Set the fields from an incoming packet. Called by the constructor; see `parse`."""
        match = _PACKET.fullmatch(encoded_packet)
        if match is None:
            raise MalformedPacketError
        self.packet_type = int(match["type"])
        self.namespace = match["namespace"]
        self.id = None if match["id"] is None else int(match["id"])
        try:
            self.data = None if match["data"] is None else json_codec.loads(match["data"])
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
                return is_event_array(self.data)
            case _:
                return self.id is not None and isinstance(self.data, list)


def decode_event(message: str) -> tuple[int | None, list[Any]] | None:
    """Decode an event of the default namespace; return the packet id and the array.

    This is the fast path: nearly all packets are such events. Returns None for any other packet,
    which `StrictPacket.parse` decodes. The array is not checked with `is_event_array`. The
    caller must do this check if the namespace has no handler for the event name (the first entry).

    Raises:
        MalformedPacketError: The array is not valid JSON.
    """
    start = message.find("[", 2, _EVENT_HEAD_MAX_CHARS)
    packet_id = _event_id(message[1:start]) if start > 0 else _NOT_AN_EVENT
    if packet_id == _NOT_AN_EVENT:
        return None
    try:
        return packet_id, json_codec.loads(message[start:])
    except (ValueError, RecursionError):
        raise MalformedPacketError from None


@lru_cache(_CACHED_HEADS)
def _event_id(head: str) -> int | None:
    """Return the id in an event's head; None without an id; `_NOT_AN_EVENT` for other packets."""
    if head[:1] != "2":
        return _NOT_AN_EVENT
    digits = head[1:]
    if not digits:
        return None
    return int(digits) if digits.isascii() and digits.isdigit() else _NOT_AN_EVENT


def exceeds_auth_limits(message: str, auth: Mapping[str, Any]) -> bool:
    """Return whether a CONNECT packet exceeds the limits; values are counted by their separators.

    The length of ``token`` is not counted, because the guards have a separate limit for tokens.
    """
    token = auth.get("token")
    chars = len(message) - (len(token) if isinstance(token, str) else 0)
    values = message.count(",") + message.count("[") + message.count("{")
    return chars > AUTH_MAX_CHARS or values > AUTH_MAX_VALUES


def is_event_array(data: Any) -> bool:
    """Return whether this is a list, and its first entry is an unreserved event name."""
    return (
        isinstance(data, list)
        and bool(data)
        and isinstance(data[0], str)
        and data[0] not in RESERVED_EVENTS
    )


def encode_connect(namespace: str, sid: str) -> bytes:
    """Encode the answer to an admitted CONNECT."""
    if namespace == _DEFAULT_NAMESPACE:
        return b'40{"sid":"%b"}' % sid.encode()  # ids need no escaping
    return _encode_packet(packet.CONNECT, {"sid": sid}, namespace)


def encode_connect_error(namespace: str, message: str, data: Any) -> bytes:
    """Encode the answer to a rejected CONNECT: the client gets it as ``connect_error``."""
    reason: Mapping[str, Any] = (
        {"message": message} if data is None else {"message": message, "data": data}
    )
    return _encode_packet(packet.CONNECT_ERROR, reason, namespace)


def encode_disconnect(namespace: str) -> bytes:
    """Encode a DISCONNECT packet, after which the client does not reconnect by itself."""
    return _encode_packet(packet.DISCONNECT, None, namespace)


def encode_event(namespace: str, name: str, args: tuple[Any, ...]) -> bytes:
    """Encode an event with its arguments."""
    if namespace == _DEFAULT_NAMESPACE:
        return b"42" + json_codec.dump((name, *args))
    return _encode_packet(packet.EVENT, [name, *args], namespace)


def encode_event_with_id(namespace: str, name: str, args: tuple[Any, ...], packet_id: int) -> bytes:
    """Encode an event whose ack the server awaits."""
    return _encode_packet(packet.EVENT, [name, *args], namespace, packet_id)


def encode_ack(namespace: str, packet_id: int, args: tuple[Any, ...]) -> bytes:
    """Encode the acknowledgement of the event with this id."""
    if namespace == _DEFAULT_NAMESPACE:
        return b"43%d%b" % (packet_id, json_codec.dump(args))
    return _encode_packet(packet.ACK, list(args), namespace, packet_id)


def _encode_packet(
    packet_type: int, data: Any, namespace: str, packet_id: int | None = None
) -> bytes:
    encoded = StrictPacket(packet_type, data=data, namespace=namespace, id=packet_id).encode()
    return (_MESSAGE + encoded).encode()
