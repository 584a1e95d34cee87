"""The event table that the command line prints: guards, payload and ack of each event."""

import inspect
import json
import re
from collections.abc import Iterable, Iterator
from types import UnionType
from typing import Any, NamedTuple, Union, get_args, get_origin, get_type_hints

from pydantic import AliasChoices, BaseModel
from pydantic.fields import FieldInfo

from app.framework.websockets.explorer import EventRoute
from app.framework.websockets.param_decorators import ParamMarker


class EventRow(NamedTuple):
    """The row of one event, as texts."""

    event: str
    handler: str
    guards: str
    payload: str
    ack: str


def event_rows(routes: Iterable[EventRoute]) -> list[EventRow]:
    """Return one row per event, in the order of ``routes``."""
    return [
        EventRow(
            event=route.pattern,
            handler=route.handler_name,
            guards=", ".join(type(guard).__name__ for guard in route.enhancers.guards),
            payload=", ".join(_payload(route)) or "none",
            ack=_name(get_type_hints(route.handler).get("return")),
        )
        for route in routes
    ]


def event_lines(rows: Iterable[EventRow]) -> Iterator[str]:
    """Yield the lines of a table with aligned columns."""
    table = [EventRow("EVENT", "HANDLER", "GUARDS", "PAYLOAD", "ACK"), *rows]
    widths = [max(map(len, column)) for column in zip(*table, strict=True)]
    for row in table:
        cells = (cell.ljust(width) for cell, width in zip(row, widths, strict=True))
        yield "  ".join(cells).rstrip()


def events_as_json(rows: Iterable[EventRow]) -> str:
    """Return the rows as a JSON array of objects."""
    return json.dumps([row._asdict() for row in rows], indent=2)


def _payload(route: EventRoute) -> Iterable[str]:
    for parameter in route.parameters:
        marker = parameter.marker
        if isinstance(marker, ParamMarker) and marker.kind == "body":
            shape = _shape(parameter.metatype)
            yield shape if marker.data is None else f"{{{marker.data}: {shape}}}"


def _shape(metatype: Any) -> str:
    """Return the JSON names of a model's fields as ``{field, optionalField?}``.

    For any other type, return the name of the type.
    """
    if not (isinstance(metatype, type) and issubclass(metatype, BaseModel)):
        return _name(metatype)
    fields = (
        f"{_wire_name(name, field)}{'' if field.is_required() else '?'}"
        for name, field in metatype.model_fields.items()
    )
    return f"{{{', '.join(fields)}}}"


def _wire_name(name: str, field: FieldInfo) -> str:
    alias = field.validation_alias
    first = alias.choices[0] if isinstance(alias, AliasChoices) else alias
    return first if isinstance(first, str) else name


def _name(annotation: Any) -> str:
    if annotation in (None, type(None)):
        return "none"
    if get_origin(annotation) in {Union, UnionType}:
        return " | ".join(map(_name, get_args(annotation)))
    return re.sub(r"(?:\w+\.)+(\w+)", r"\1", inspect.formatannotation(annotation))
