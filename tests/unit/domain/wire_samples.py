"""A sample of every type in `app.domain` that clients receive."""

import inspect
from collections.abc import Iterator, Mapping
from dataclasses import is_dataclass
from datetime import UTC, datetime
from enum import Enum
from importlib import import_module
from pkgutil import iter_modules
from types import UnionType
from typing import Any, NewType, Union, get_args, get_origin, get_type_hints

import app.domain
from app.domain.wire import WireValue

MOMENT = datetime(2026, 1, 31, 9, 30, tzinfo=UTC)

_SCALARS: Mapping[object, object] = {str: "text", int: 1, bool: True, datetime: MOMENT}


def _wire_types() -> Iterator[type[WireValue]]:
    for found in iter_modules(app.domain.__path__, "app.domain."):
        for _, cls in inspect.getmembers(import_module(found.name), inspect.isclass):
            if is_dataclass(cls) and issubclass(cls, WireValue) and cls.__module__ == found.name:
                yield cls


WIRE_TYPES = tuple(_wire_types())


def sample(hint: Any) -> Any:
    """Return a value of this type: booleans are true, and optional values are set."""
    if isinstance(hint, NewType):
        return sample(hint.__supertype__)
    if inspect.isclass(hint) and is_dataclass(hint):
        return hint(**{name: sample(each) for name, each in get_type_hints(hint).items()})
    if inspect.isclass(hint) and issubclass(hint, Enum):
        return next(iter(hint))
    if (origin := get_origin(hint)) is not None:
        return _generic_sample(origin, *get_args(hint))
    return _SCALARS[hint]


def _generic_sample(origin: object, first: Any, second: Any) -> Any:
    if origin in {Union, UnionType}:
        return sample(first)
    return (sample(first),) if origin is tuple else {sample(first): sample(second)}
