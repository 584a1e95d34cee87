"""Where decorators leave their marks, and how guards and interceptors read them back.

As Nest's reflect-metadata: a class inherits its base's marks, and what it sets itself stands
before them.
"""

import inspect
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any, TypeVar

Decorated = TypeVar("Decorated", bound=Callable[..., Any])

_ATTRIBUTE = "__nest_metadata__"


def define_metadata(target: object, key: str, value: object) -> None:
    """Set one mark on a class or a function, without touching what it inherits or wraps."""
    # A new dict: functools.wraps lets both functions have one.
    setattr(target, _ATTRIBUTE, {**vars(target).get(_ATTRIBUTE, {}), key: value})


def get_metadata(target: object, key: str) -> Any:
    """One mark of a class (its bases' included) or a function; None when it has none."""
    owners = target.__mro__ if isinstance(target, type) else (target,)
    for owner in owners:
        own = vars(owner).get(_ATTRIBUTE, {})
        if key in own:
            return own[key]
    return None


def metadata_keys(target: object) -> list[str]:
    """The keys of all marks that `get_metadata` finds."""
    owners = reversed(target.__mro__) if isinstance(target, type) else (target,)
    return list(dict.fromkeys(key for owner in owners for key in vars(owner).get(_ATTRIBUTE, ())))


def has_metadata(target: object) -> bool:
    """Whether an object of any kind carries marks of its own."""
    return _ATTRIBUTE in getattr(target, "__dict__", ())


def marked_methods(cls: type, key: str) -> Iterator[tuple[str, Callable[..., Any]]]:
    """The methods with a mark, inherited ones first; an override counts only if it has it too."""
    for name in member_names(cls):
        member = inspect.getattr_static(cls, name)
        if inspect.isfunction(member) and get_metadata(member, key) is not None:
            yield name, member


def member_names(cls: type) -> Iterable[str]:
    """Everything that a class and its bases define, the bases' first, in their order."""
    return dict.fromkeys(name for owner in reversed(cls.__mro__) for name in vars(owner))


def extend_metadata(target: object, key: str, values: Sequence[object]) -> None:
    """Append to a mark that is a tuple: what a base class has comes first (Nest's order)."""
    define_metadata(target, key, (*(get_metadata(target, key) or ()), *values))


def set_metadata(key: str, value: object) -> Callable[[Decorated], Decorated]:
    """Nest's ``SetMetadata``: mark a gateway or a handler for guards to read."""

    def decorate(target: Decorated) -> Decorated:
        define_metadata(target, key, value)
        return target

    return decorate


class Reflector:
    """Reads what `set_metadata` wrote; targets are ``context.get_handler()``, ``get_class()``."""

    def get(self, key: str, target: object) -> Any:
        """The mark of one target, None when absent."""
        return get_metadata(target, key)

    def get_all(self, key: str, targets: Iterable[object]) -> list[Any]:
        """The mark of each target, None where absent."""
        return [get_metadata(target, key) for target in targets]

    def get_all_and_override(self, key: str, targets: Iterable[object]) -> Any:
        """The first mark that is there: with ``[handler, class]`` the handler's own wins."""
        return next((value for value in self.get_all(key, targets) if value is not None), None)

    def get_all_and_merge(self, key: str, targets: Iterable[object]) -> list[Any]:
        """All marks in one list; a mark that is a list or tuple contributes its items."""
        merged: list[Any] = []
        for value in self.get_all(key, targets):
            if isinstance(value, list | tuple):
                merged.extend(value)
            elif value is not None:
                merged.append(value)
        return merged
