"""The JSON codec of all packets: orjson, with the output format of Node.

python-socketio uses this module in place of ``json``.
"""

import dataclasses
import json
from collections.abc import Callable
from collections.abc import Set as AbstractSet
from datetime import UTC, date, datetime
from decimal import Decimal
from enum import Enum
from math import isinf
from typing import Any
from uuid import UUID

import orjson
from pydantic import BaseModel

MAX_DEPTH = 64
"""The maximum nesting depth of arrays and objects in an incoming packet."""

_BYTES = (bytes, bytearray, memoryview)

PLACEHOLDER, PLACEHOLDER_NUMBER = "_placeholder", "num"
"""The fields of the object that stands for a bytes object in a binary packet."""

_OPTIONS = orjson.OPT_PASSTHROUGH_DATACLASS | orjson.OPT_PASSTHROUGH_DATETIME


class BytesFound(TypeError):
    """A value contains bytes, which have no JSON form."""


def dump(value: Any) -> bytes:
    """Encode a value like Node's ``JSON.stringify``: no spaces, dates in UTC with milliseconds.

    Pydantic models are written with their aliases. A field that was not set and is None is left
    out, as ``JSON.stringify`` leaves out undefined. Dataclasses are written as objects, sets as
    arrays, decimals as strings, and dates as ``YYYY-MM-DD``. An object with a method ``to_wire`` is
    written as the value that the method returns.

    Raises:
        BytesFound: The value contains bytes.
        TypeError: The value has no JSON form, or is a datetime without a time zone.
    """
    try:
        return orjson.dumps(value, to_json_value, _OPTIONS)
    except orjson.JSONEncodeError:
        return _dump_surrogates(value, to_json_value)


def dump_binary(value: Any) -> tuple[bytes, list[bytes]]:
    """Encode like `dump`, but with placeholders for bytes objects; also return the bytes objects.

    The bytes of pydantic models are written as text, as in pydantic's own JSON; if they are not
    UTF-8, pydantic raises an error.

    Raises:
        TypeError: The value has no JSON form, or already contains a placeholder. A client can
            send such a placeholder in an event without bytes. If the server sent it on to other
            clients, their decoders would fail, because the attachment is missing, and the clients
            would disconnect.
    """
    attachments: list[bytes] = []

    def attach(each: Any) -> Any:
        if not isinstance(each, _BYTES):
            return to_json_value(each)
        attachments.append(bytes(each))
        return {PLACEHOLDER: True, PLACEHOLDER_NUMBER: len(attachments) - 1}

    try:
        encoded = orjson.dumps(value, attach, _OPTIONS)
    except orjson.JSONEncodeError:
        attachments.clear()
        encoded = _dump_surrogates(value, attach)
    # Count the placeholders. A string that contains the same characters does not match, because
    # JSON escapes the quotation marks in it.
    if encoded.count(b'"%b":true' % PLACEHOLDER.encode()) != len(attachments):
        raise TypeError(f"data with bytes must not contain an object with '{PLACEHOLDER}': true")
    return encoded, attachments


def _dump_surrogates(value: Any, default: Callable[[Any], Any]) -> bytes:
    # orjson rejects lone surrogates, which JavaScript strings may hold; Node escapes them.
    return json.dumps(value, default=default, separators=(",", ":"), allow_nan=False).encode()


def dumps(value: Any, **_: Any) -> str:
    """Encode like `dump`, but return a str; ignores the keyword arguments of python-socketio."""
    return dump(value).decode()


def loads(text: str, max_depth: int = MAX_DEPTH) -> Any:
    """Decode a JSON text.

    Lone surrogates are kept, as in Node's ``JSON.parse``. The validation pipe rejects lone
    surrogates with a reason; an error here would close the connection without a reason.

    Raises:
        ValueError: The text is not JSON, is nested deeper than ``max_depth``, or has a number
            outside the range of a double.
    """
    if len(text) > max_depth and text.count("[") + text.count("{") > max_depth:
        _check_depth(text, max_depth)
    try:
        return orjson.loads(text)
    except orjson.JSONDecodeError:
        return json.loads(text, parse_constant=_reject_constant, parse_float=_parse_finite)


def to_json_value(value: Any) -> Any:
    """Convert a value that is neither a string, number, list nor dict; see `dump`.

    Raises:
        TypeError: The value has no JSON form.
    """
    # Values that define ``to_wire``, such as the chat's `WireValue`, convert themselves.
    to_wire: Callable[[], Any] | None = getattr(value, "to_wire", None)
    if to_wire is not None:
        return to_wire()
    if isinstance(value, BaseModel):
        return _as_node_writes(value.model_dump(mode="json", by_alias=True), value)
    if isinstance(value, datetime):
        return _iso_text(value)
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return {field.name: getattr(value, field.name) for field in dataclasses.fields(value)}
    if isinstance(value, AbstractSet):
        return list(value)
    # orjson writes UUIDs and enums itself, but ``json.dumps`` in `_dump_surrogates` does not.
    if isinstance(value, Decimal | date | UUID | Enum):
        return value.value if isinstance(value, Enum) else str(value)
    if isinstance(value, _BYTES):
        raise BytesFound("bytes have no JSON form")
    raise TypeError(f"{type(value).__name__} has no JSON form")


def _iso_text(moment: datetime) -> str:
    if moment.tzinfo is None:  # its meaning would depend on the machine's time zone
        raise TypeError(f"{moment} has no time zone; write datetime.now(UTC) or add tzinfo=UTC")
    return moment.astimezone(UTC).isoformat(timespec="milliseconds").removesuffix("+00:00") + "Z"


def _as_node_writes(dumped: Any, value: Any) -> Any:
    """Return a dumped value without the model fields that are None and were not set.

    Datetimes are written as in `_iso_text`, unless the model has its own serializer for them.
    """
    if isinstance(value, BaseModel) and isinstance(dumped, dict):
        for name, field in type(value).model_fields.items():
            key = field.serialization_alias or name
            if dumped.get(key, name) is None and name not in value.model_fields_set:
                del dumped[key]
            elif key in dumped:
                dumped[key] = _as_node_writes(dumped[key], getattr(value, name))
    elif isinstance(value, dict) and isinstance(dumped, dict):
        for key, each in zip(dumped, value.values(), strict=False):
            dumped[key] = _as_node_writes(dumped[key], each)
    elif isinstance(value, datetime) and dumped == value.isoformat().replace("+00:00", "Z"):
        return _iso_text(value)
    elif isinstance(value, list | tuple) and isinstance(dumped, list):
        for index, (one, other) in enumerate(zip(dumped, value, strict=False)):
            dumped[index] = _as_node_writes(one, other)
    return dumped


def _check_depth(text: str, max_depth: int) -> None:
    """Reject deep nesting: orjson and ``json`` recurse. Brackets in strings do not count."""
    depth, in_string, escaped = 0, False, False
    for character in text:
        if in_string:
            in_string = escaped or character != '"'
            escaped = character == "\\" and not escaped
        elif character == '"':
            in_string = True
        elif character in "[{":
            depth += 1
            if depth > max_depth:
                raise ValueError(f"nested deeper than {max_depth} levels")
        elif character in "]}":
            depth -= 1


def _reject_constant(name: str) -> None:
    raise ValueError(f"{name} is not JSON")


def _parse_finite(number: str) -> float:
    value = float(number)
    if isinf(value):  # JSON cannot encode infinity
        raise ValueError(f"{number[:20]} is out of range")
    return value
