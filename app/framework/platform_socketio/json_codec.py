"""The one JSON codec, for every packet in and out: orjson, written as Node writes.

Stands where python-socketio expects its ``json`` module.
"""

import json
from collections.abc import Callable
from datetime import UTC, datetime
from math import isinf
from typing import Any

import orjson
from pydantic import BaseModel

MAX_DEPTH = 64
"""Arrays and objects within each other that an incoming packet may have."""

_OPTIONS = orjson.OPT_PASSTHROUGH_DATACLASS | orjson.OPT_PASSTHROUGH_DATETIME


def dump(value: Any) -> bytes:
    """JSON as Node's ``JSON.stringify``: no spaces, UTF-8, dates in UTC with milliseconds.

    Pydantic models go by alias; an object with ``to_wire()`` as what that gives.

    Raises:
        TypeError: The value has no JSON form.
    """
    try:
        return orjson.dumps(value, _plain, _OPTIONS)
    except orjson.JSONEncodeError:
        # orjson refuses lone surrogates, which JavaScript strings may hold; Node escapes them.
        return json.dumps(value, default=_plain, separators=(",", ":"), allow_nan=False).encode()


def dumps(value: Any, **_: Any) -> str:
    """As `dump`, for python-socketio; the keywords it passes mean nothing here."""
    return dump(value).decode()


def loads(text: str) -> Any:
    """The value of a JSON text.

    Lone surrogates come through, as from Node's ``JSON.parse``: the validation pipe refuses them
    with a reason, which a closed connection would not give.

    Raises:
        ValueError: No JSON, nested deeper than `MAX_DEPTH`, or a number beyond a double's range.
    """
    if len(text) > MAX_DEPTH and text.count("[") + text.count("{") > MAX_DEPTH:
        _require_depth(text)
    try:
        return orjson.loads(text)
    except orjson.JSONDecodeError:
        return json.loads(text, parse_constant=_refuse_constant, parse_float=_finite)


def _plain(value: Any) -> Any:
    to_wire: Callable[[], Any] | None = getattr(value, "to_wire", None)
    if to_wire is not None:
        return to_wire()
    if isinstance(value, BaseModel):
        return value.model_dump(mode="json", by_alias=True)
    if isinstance(value, datetime):
        moment = value.astimezone(UTC).isoformat(timespec="milliseconds")
        return moment.removesuffix("+00:00") + "Z"
    raise TypeError(f"{type(value).__name__} has no JSON form")


def _require_depth(text: str) -> None:
    """Count levels before parsing: both parsers recurse. Brackets within strings do not count."""
    depth, in_string, escaped = 0, False, False
    for character in text:
        if in_string:
            in_string = escaped or character != '"'
            escaped = character == "\\" and not escaped
        elif character == '"':
            in_string = True
        elif character in "[{":
            depth += 1
            if depth > MAX_DEPTH:
                raise ValueError(f"nested deeper than {MAX_DEPTH} levels")
        elif character in "]}":
            depth -= 1


def _refuse_constant(name: str) -> None:
    raise ValueError(f"{name} is not JSON")


def _finite(number: str) -> float:
    value = float(number)
    if isinf(value):  # could be taken in, but not written again
        raise ValueError(f"{number[:20]} is out of range")
    return value
