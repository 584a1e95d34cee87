"""Metadata that decorators write on classes and functions, and `Reflector`, which reads it.

Metadata works like Nest's reflect-metadata: a class inherits the metadata of its base classes and
may override it.
"""

import inspect
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from functools import reduce
from typing import Any, TypeVar

Decorated = TypeVar("Decorated", bound=Callable[..., Any])

_ATTRIBUTE = "__nest_metadata__"


def define_metadata(target: object, key: str, value: object) -> None:
    """Set one value on a class or function, without changing base classes or wrapped functions."""
    # Create a new dict, because after ``functools.wraps`` two functions share the same dict.
    setattr(target, _ATTRIBUTE, {**vars(target).get(_ATTRIBUTE, {}), key: value})


def get_metadata(target: object, key: str) -> Any:
    """Return the value of a key, or None. A class inherits the values of its base classes."""
    owners = target.__mro__ if isinstance(target, type) else (target,)
    for owner in owners:
        own = vars(owner).get(_ATTRIBUTE, {})
        if key in own:
            return own[key]
    return None


def metadata_keys(target: object) -> list[str]:
    """Return the keys of all values that `get_metadata` finds."""
    owners = reversed(target.__mro__) if isinstance(target, type) else (target,)
    return list(dict.fromkeys(key for owner in owners for key in vars(owner).get(_ATTRIBUTE, ())))


def has_metadata(target: object) -> bool:
    """Return whether an object has metadata of its own; inherited metadata does not count."""
    return _ATTRIBUTE in getattr(target, "__dict__", ())


def methods_with_metadata(cls: type, key: str) -> Iterator[tuple[str, Callable[..., Any]]]:
    """Yield the methods that have this key, inherited ones first.

    A method that overrides another does not inherit the key.
    """
    for name in member_names(cls):
        member = inspect.getattr_static(cls, name)
        if inspect.isfunction(member) and get_metadata(member, key) is not None:
            yield name, member


def member_names(cls: type) -> Iterable[str]:
    """Return the names of all members, base classes first, in the order of definition."""
    return dict.fromkeys(name for owner in reversed(cls.__mro__) for name in vars(owner))


def extend_metadata(target: object, key: str, values: Sequence[object]) -> None:
    """Append items to a value that is a tuple. Inherited items come first, as in Nest."""
    define_metadata(target, key, (*(get_metadata(target, key) or ()), *values))


def set_metadata(key: str, value: object) -> Callable[[Decorated], Decorated]:
    """Nest's ``SetMetadata``: attach a value to a class or handler, for guards to read."""

    def decorate(target: Decorated) -> Decorated:
        define_metadata(target, key, value)
        return target

    return decorate


class Reflector:
    """Reads the values of `set_metadata` from ``context.get_handler()`` or ``get_class()``."""

    def get(self, key: str, target: object) -> Any:
        """Return the value of one target; None if the target has no such value."""
        return get_metadata(target, key)

    def get_all(self, key: str, targets: Iterable[object]) -> list[Any]:
        """Return the value of each target; None for a target without a value."""
        return [get_metadata(target, key) for target in targets]

    def get_all_and_override(self, key: str, targets: Iterable[object]) -> Any:
        """Return the first value found: with ``[handler, class]`` the handler's value wins."""
        return next((value for value in self.get_all(key, targets) if value is not None), None)

    def get_all_and_merge(self, key: str, targets: Iterable[object]) -> Any:
        """Merge the values of all targets, by Nest's rules.

        If all values are dicts, the result is one dict, in which values of later targets replace
        earlier ones. Otherwise the result is a list of all values; the items of a list or tuple
        count as separate values.
        Without any value, the result is an empty list.
        """
        values = [value for value in self.get_all(key, targets) if value is not None]
        merged = reduce(_merge, values) if values else []
        return merged if isinstance(merged, Mapping) else _as_list(merged)


def _merge(first: Any, second: Any) -> Any:
    if isinstance(first, Mapping) and isinstance(second, Mapping):
        return {**first, **second}
    return [*_as_list(first), *_as_list(second)]


def _as_list(value: Any) -> list[Any]:
    return list(value) if isinstance(value, list | tuple) else [value]
