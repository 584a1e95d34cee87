"""Refuses decorators and hooks that would have no effect where they stand.

A guard that never runs protects nothing, and the mistake would go unnoticed: the start fails.
"""

import inspect
from collections.abc import Iterable
from types import CellType, FunctionType
from typing import NoReturn

from app.framework.common.decorators import (
    FILTERS,
    GATEWAY_OPTIONS,
    GUARDS,
    INTERCEPTORS,
    MESSAGE_PATTERN,
    PIPES,
)
from app.framework.common.exceptions import BootError
from app.framework.common.metadata import get_metadata, has_metadata, member_names, metadata_keys
from app.framework.core.http.controllers import CONTROLLER_PREFIX, ROUTE
from app.framework.core.lifecycle import GATEWAY_HOOKS, MODULE_HOOKS
from app.framework.websockets.explorer import server_attributes

_ENHANCERS = {
    GUARDS: "use_guards",
    INTERCEPTORS: "use_interceptors",
    PIPES: "use_pipes",
    FILTERS: "use_filters",
}
_DECORATORS = {
    **_ENHANCERS,
    CONTROLLER_PREFIX: "controller",
    GATEWAY_OPTIONS: "web_socket_gateway",
    MESSAGE_PATTERN: "subscribe_message",
    ROUTE: "get, @post or the like",
}

_NOT_BEFORE_CONTROLLERS = (
    "guards, interceptors, pipes and filters run for gateways only; "
    "check the request in the controller's method"
)


def refuse_without_effect(cls: type) -> None:
    """Check the decorators of a provided class and of its methods.

    Raises:
        BootError: Names the first decorator that would do nothing.
    """
    keys = metadata_keys(cls)
    place = cls.__name__
    if CONTROLLER_PREFIX in keys:
        for key in keys:
            if key not in (CONTROLLER_PREFIX, GATEWAY_OPTIONS):
                _refuse(place, key, f"on a controller: {_NOT_BEFORE_CONTROLLERS}")
    elif GATEWAY_OPTIONS not in keys:
        for key in _enhancers(keys):
            _refuse(place, key, "on a class that is not a gateway; add @web_socket_gateway() to it")
        for name in server_attributes(cls):
            raise BootError(
                f"{place}.{name}: WebSocketServer() has no effect in a class that is not a "
                "gateway; let the gateway hand its server on"
            )
    for name in member_names(cls):
        _check_method(cls, name)
    _refuse_misspelt_hooks(
        cls, (*MODULE_HOOKS, *(GATEWAY_HOOKS if GATEWAY_OPTIONS in keys else ()))
    )


def refuse_unbound(cls: type, how: str) -> None:
    """Refuse a gateway or controller that is provided in a way in which it is not found.

    Raises:
        BootError: The class is one; ``how`` continues a sentence about it.
    """
    for key in (GATEWAY_OPTIONS, CONTROLLER_PREFIX):
        if get_metadata(cls, key) is not None:
            raise BootError(
                f"{cls.__name__} {how}, so @{_DECORATORS[key]} has no effect; "
                f"provide it as providers.Singleton({cls.__name__}, ...)"
            )


def refuse_idle_hooks(cls: type, how: str) -> None:
    """Refuse a class with hooks that is provided in a way in which they never run.

    Raises:
        BootError: The class has one; ``how`` continues a sentence about it.
    """
    for hook in MODULE_HOOKS:
        if hasattr(cls, hook):
            raise BootError(
                f"{cls.__name__} {how}, so its {hook} never runs; "
                f"provide it as providers.Singleton({cls.__name__}, ...)"
            )


def _check_method(cls: type, name: str) -> None:
    member = inspect.getattr_static(cls, name)
    place = f"{cls.__name__}.{name}"
    if not inspect.isfunction(member):
        _refuse_marks_on_other_members(member, place)
        return
    keys = metadata_keys(member)
    _refuse_hidden_marks(member, keys, place)
    if ROUTE in keys:
        _check_route(cls, place, keys)
    if MESSAGE_PATTERN in keys:
        if get_metadata(cls, GATEWAY_OPTIONS) is None:
            why = "as its class is not a gateway; add @web_socket_gateway() to the class"
            _refuse(place, MESSAGE_PATTERN, why)
        _refuse_lost_marks(cls, name, keys)
        return
    for key in _enhancers(keys):
        if name in GATEWAY_HOOKS:
            _refuse(place, key, "on a hook; guards of the class run when a client connects")
        _refuse(place, key, "on a method that handles no event; add @subscribe_message(...)")


def _check_route(cls: type, place: str, keys: Iterable[str]) -> None:
    if get_metadata(cls, CONTROLLER_PREFIX) is None:
        _refuse(place, ROUTE, "as its class is not a controller; add @controller() to the class")
    for key in keys:
        if key not in (ROUTE, MESSAGE_PATTERN):
            _refuse(place, key, f"on a controller's method: {_NOT_BEFORE_CONTROLLERS}")


def _refuse_marks_on_other_members(member: object, place: str) -> None:
    """Marks of a static method, a cached function or the like are never found."""
    if isinstance(member, type):
        return
    if has_metadata(member) or has_metadata(getattr(member, "__func__", None)):
        raise BootError(
            f"{place}: the framework's decorators have no effect on a {type(member).__name__}; "
            "make it a plain method"
        )


def _refuse_hidden_marks(member: FunctionType, keys: Iterable[str], place: str) -> None:
    """A decorator that returns a new function without ``functools.wraps`` hides the marks below.

    The function that it wraps is in its closure.
    """
    filled = [cell for cell in member.__closure__ or () if cell != CellType()]
    for wrapped in filter(inspect.isfunction, (cell.cell_contents for cell in filled)):
        for key in metadata_keys(wrapped):
            if key not in keys:
                raise BootError(
                    f"{place}: another decorator hides {_written(key)}; use functools.wraps in "
                    "that one, or move it below"
                )


def _refuse_lost_marks(cls: type, name: str, keys: Iterable[str]) -> None:
    """An override does not inherit the decorators of the handler that it replaces."""
    for owner in cls.__mro__:
        replaced = vars(owner).get(name)
        for key in metadata_keys(replaced) if inspect.isfunction(replaced) else ():
            if key not in keys:
                raise BootError(
                    f"{cls.__name__}.{name} replaces {owner.__name__}.{name}, but not its "
                    f"{_written(key)}, which is not inherited; repeat it"
                )


def _refuse_misspelt_hooks(cls: type, hooks: Iterable[str]) -> None:
    for hook in hooks:
        first, *others = hook.split("_")
        in_nest = first + "".join(map(str.capitalize, others))
        if hasattr(cls, in_nest):
            raise BootError(f"{cls.__name__}.{in_nest} never runs; name it {hook}")


def _enhancers(keys: Iterable[str]) -> list[str]:
    return [key for key in keys if key in _ENHANCERS]


def _refuse(place: str, key: str, why: str) -> NoReturn:
    raise BootError(f"{place}: {_written(key)} has no effect {why}")


def _written(key: str) -> str:
    return f"@{_DECORATORS[key]}" if key in _DECORATORS else f"@set_metadata({key!r}, ...)"
