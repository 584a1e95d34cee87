"""The payloads of messages between nodes, and the fields that all adapters use.

A payload is JSON or msgpack. No other format is decoded.
"""

import math
from collections.abc import Iterable, Mapping
from typing import Any, ClassVar

import msgpack
import orjson

from app.framework.platform_socketio import json_codec
from app.framework.websockets.socket_api.cluster_adapter import Selection

MAX_PAYLOAD_BYTES = 8 * 1024 * 1024
"""Messages with longer payloads are neither published nor received."""
_MAX_FALLBACK_DEPTH = json_codec.MAX_DEPTH + 8
"""The maximum nesting depth of JSON that orjson cannot decode. An event may have
`json_codec.MAX_DEPTH` levels, and a message adds some.
"""

_PACKABLE = (str, int, float, list, tuple, dict, bytes, bytearray, memoryview)
_PACKED_BITS = 64
"""Integers of this length do not always fit in msgpack."""
_EVENT = 2
"""The type of an event packet."""
_DATES_AS_DATETIME = 3
"""The value of msgpack's option ``timestamp``."""


class DroppedMessageError(ValueError):
    """A received message cannot be handled.

    Attributes:
        reason: The key of `RedisBus.dropped` that counts the message.
    """

    reason: ClassVar[str]


class MalformedMessageError(DroppedMessageError):
    """A message is too long, cannot be decoded, or lacks a field."""

    reason = "malformed"


class UnknownTypeError(DroppedMessageError):
    """A message has an unknown type."""

    reason = "unknown_type"


class TooManyAnswersError(DroppedMessageError):
    """The node already answers the maximum number of requests."""

    reason = "too_many_answers"


def encode(value: Any) -> bytes:
    """Encode a value as JSON, or as msgpack if it contains bytes.

    Raises:
        TypeError: A value has no JSON form.
    """
    try:
        return json_codec.dump(value)
    except json_codec.BytesFound:
        return pack(value)


def pack(value: Any) -> bytes:
    """Encode a value as msgpack.

    A value that msgpack cannot encode is first converted to its JSON form.

    Raises:
        TypeError: A value has no JSON form.
    """
    return msgpack.packb(
        value,
        default=_to_packable,
        datetime=False,
        # A JavaScript string may contain lone surrogates.
        unicode_errors="surrogatepass",
    )


def decode(payload: bytes) -> Any:
    """Decode a JSON object, or any value in msgpack. A ``Date`` of Node becomes a datetime.

    Raises:
        MalformedMessageError: The payload is malformed.
    """
    if len(payload) > MAX_PAYLOAD_BYTES:
        raise MalformedMessageError("too long")
    try:
        if payload[:1] == b"{":
            return _decode_json(payload)
        return msgpack.unpackb(
            payload,
            strict_map_key=False,
            timestamp=_DATES_AS_DATETIME,
            ext_hook=_refuse_extension,
            unicode_errors="surrogatepass",
        )
    except (ValueError, TypeError, OverflowError, RecursionError, msgpack.UnpackException):
        raise MalformedMessageError("neither JSON nor msgpack") from None


def _decode_json(payload: bytes) -> Any:
    try:
        return orjson.loads(payload)  # limits the depth itself
    except orjson.JSONDecodeError:
        return json_codec.loads(payload.decode(), _MAX_FALLBACK_DEPTH)


def _to_packable(value: Any) -> Any:
    """Convert a value that msgpack cannot encode. All values with a JSON form can be converted."""
    while not (value is None or isinstance(value, _PACKABLE)):
        value = json_codec.to_json_value(value)
    if isinstance(value, int) and value.bit_length() >= _PACKED_BITS:
        try:
            return float(value)  # JavaScript reads the number in JSON as a double, too
        except OverflowError:
            return math.inf if value > 0 else -math.inf
    return value


def _refuse_extension(code: int, data: bytes) -> None:
    del code, data
    raise ValueError("Node sends no extension types except dates")


def options_of(selection: Selection, **flags: Any) -> dict[str, Any]:
    """Return the field ``opts`` of a message."""
    return {
        "rooms": list(selection.rooms),
        "except": list(selection.except_rooms),
        "flags": flags,
    }


def selection_of(options: Any) -> Selection:
    """Return the sockets that the field ``opts`` of a message selects.

    Raises:
        MalformedMessageError: The field is malformed.
    """
    if not isinstance(options, dict):
        raise MalformedMessageError("opts")
    rooms, except_rooms = texts(options.get("rooms")), texts(options.get("except"))
    return Selection(frozenset(rooms), frozenset(except_rooms))


def flags_of(options: Mapping[str, Any]) -> Mapping[str, Any]:
    """Return the flags in the field ``opts`` of a message, such as ``volatile``."""
    flags = options.get("flags")
    return flags if isinstance(flags, dict) else {}


def event_packet(namespace: str, event: str, args: Iterable[Any]) -> dict[str, Any]:
    """Return the packet of an event, as it stands in a message."""
    return {"type": _EVENT, "data": [event, *args], "nsp": namespace}


def event_of(packet: Any) -> tuple[str, tuple[Any, ...]]:
    """Return the name and the arguments of an event.

    Args:
        packet: The field ``packet`` of a broadcast.

    Raises:
        MalformedMessageError: This is not the packet of an event.
    """
    if not isinstance(packet, dict) or packet.get("type") != _EVENT:
        raise MalformedMessageError("packet")
    return name_and_args(packet.get("data"))


def name_and_args(data: Any) -> tuple[str, tuple[Any, ...]]:
    """Return the name and the arguments of an event's array.

    Raises:
        MalformedMessageError: This is not the array of an event.
    """
    if not isinstance(data, list) or not data or not isinstance(data[0], str):
        raise MalformedMessageError("event")
    return data[0], tuple(data[1:])


def texts(values: Any) -> list[str]:
    """Return the names in an array.

    Raises:
        MalformedMessageError: This is not an array of strings.
    """
    if not isinstance(values, list):
        raise MalformedMessageError("rooms")
    for each in values:
        if not isinstance(each, str):
            raise MalformedMessageError("rooms")
    return values
