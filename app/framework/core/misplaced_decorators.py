"""Refuses decorators and hooks that have no effect in the place where they are written.

A guard that never runs protects nothing, and the mistake would go unnoticed. Therefore the
application does not start with such a mistake.
"""

import inspect
from collections.abc import Iterable
from types import CellType, FunctionType
from typing import NoReturn

from app.framework.common.decorators import FILTERS, GUARDS, INTERCEPTORS, NEEDED_GUARDS, PIPES
from app.framework.common.exceptions import BootError
from app.framework.common.hooks import MODULE_HOOKS, refuse_nest_spelling
from app.framework.common.metadata import get_metadata, has_metadata, member_names, metadata_keys
from app.framework.core.http.controllers import (
    BODY_LIMIT,
    CONTROLLER_PREFIX,
    HTTP_CODE,
    RESPONSE_HEADERS,
    ROUTE,
)
from app.framework.websockets.decorators import GATEWAY_OPTIONS, MESSAGE_PATTERN
from app.framework.websockets.explorer import server_attributes
from app.framework.websockets.hooks import GATEWAY_HOOKS

_ENHANCERS = {
    GUARDS: "use_guards",
    INTERCEPTORS: "use_interceptors",
    PIPES: "use_pipes",
    FILTERS: "use_filters",
    NEEDED_GUARDS: "throttle or @skip_throttle",
}
_OF_ROUTES = {HTTP_CODE: "http_code", RESPONSE_HEADERS: "header", BODY_LIMIT: "body_limit"}
_DECORATORS = {
    **_ENHANCERS,
    **_OF_ROUTES,
    CONTROLLER_PREFIX: "controller",
    GATEWAY_OPTIONS: "web_socket_gateway",
    MESSAGE_PATTERN: "subscribe_message",
    ROUTE: "get, @post or the like",
}


def refuse_misplaced_decorators(cls: type) -> None:
    """Raise `BootError` for the first decorator or hook of a class that has no effect there."""
    keys = metadata_keys(cls)
    subject = cls.__name__
    for key in (HTTP_CODE, RESPONSE_HEADERS):
        if key in keys:
            _refuse(subject, key, "on a class; write it on the methods")
    if BODY_LIMIT in keys and CONTROLLER_PREFIX not in keys:
        _refuse(subject, BODY_LIMIT, "on a class that is not a controller")
    if GATEWAY_OPTIONS not in keys:
        for key in () if CONTROLLER_PREFIX in keys else _enhancers(keys):
            _refuse(
                subject,
                key,
                "on a class that is neither a gateway nor a controller; "
                "add @web_socket_gateway() or @controller() to it",
            )
        for name in server_attributes(cls):
            raise BootError(
                f"{subject}.{name}: WebSocketServer() has no effect in a class that is not a "
                "gateway; give it the server of a gateway"
            )
    for name in member_names(cls):
        _check_method(cls, name)
    refuse_nest_spelling(cls, (*MODULE_HOOKS, *(GATEWAY_HOOKS if GATEWAY_OPTIONS in keys else ())))


def is_discovered(cls: type) -> bool:
    """Return whether the class is a gateway or a controller, which the framework searches for."""
    return any(get_metadata(cls, key) is not None for key in (GATEWAY_OPTIONS, CONTROLLER_PREFIX))


def refuse_undiscovered(cls: type, how: str) -> None:
    """Raise `BootError` if a class that the injector cannot find is a gateway or controller."""
    for key in (GATEWAY_OPTIONS, CONTROLLER_PREFIX):
        if get_metadata(cls, key) is not None:
            raise BootError(
                f"{cls.__name__} {how}, so @{_DECORATORS[key]} has no effect; "
                f"provide it as providers.Singleton({cls.__name__}, ...)"
            )


def refuse_second_instances(instances: Iterable[object]) -> None:
    """Raise `BootError` if two modules provide the same gateway or controller class."""
    seen: set[type] = set()
    for cls in map(type, instances):
        if cls in seen:
            raise BootError(
                f"{cls.__name__} is provided twice, so each of its events or requests would be "
                f"handled twice; provide it in one module, and write imported({cls.__name__}) in "
                "the other"
            )
        seen.add(cls)


def refuse_hooks_that_never_run(cls: type, how: str) -> None:
    """Raise `BootError` if a class that is not a singleton has lifecycle hooks: they never run."""
    for hook in MODULE_HOOKS:
        if hasattr(cls, hook):
            raise BootError(
                f"{cls.__name__} {how}, so its {hook} never runs; "
                f"provide it as providers.Singleton({cls.__name__}, ...)"
            )


def _check_method(cls: type, name: str) -> None:
    member = inspect.getattr_static(cls, name)
    subject = f"{cls.__name__}.{name}"
    if not inspect.isfunction(member):
        _refuse_on_other_members(member, subject)
        return
    keys = metadata_keys(member)
    _refuse_hidden_metadata(member, keys, subject)
    if ROUTE in keys and get_metadata(cls, CONTROLLER_PREFIX) is None:
        _refuse(subject, ROUTE, "because its class is not a controller; add @controller() to it")
    if MESSAGE_PATTERN in keys and get_metadata(cls, GATEWAY_OPTIONS) is None:
        why = "because its class is not a gateway; add @web_socket_gateway() to the class"
        _refuse(subject, MESSAGE_PATTERN, why)
    for key in () if ROUTE in keys else _OF_ROUTES:
        if key in keys:
            _refuse(subject, key, "on a method that handles no request; add @get() or the like")
    if MESSAGE_PATTERN in keys or ROUTE in keys:
        _refuse_lost_metadata(cls, name, keys)
        return
    for key in _enhancers(keys):
        if name in GATEWAY_HOOKS:
            _refuse(
                subject, key, "on a hook; put guards on the class, they run when a client connects"
            )
        _refuse(
            subject,
            key,
            "on a method that handles no event and no request; "
            "add @subscribe_message(...), @get() or the like",
        )


def _refuse_on_other_members(member: object, subject: str) -> None:
    """Refuse decorators on members such as static methods, where they have no effect."""
    if isinstance(member, type):
        return
    if has_metadata(member) or has_metadata(getattr(member, "__func__", None)):
        raise BootError(
            f"{subject}: the framework's decorators have no effect on a {type(member).__name__}; "
            "make it a plain method"
        )


def _refuse_hidden_metadata(member: FunctionType, keys: Iterable[str], subject: str) -> None:
    """Refuse a decorator without ``functools.wraps`` that hides the framework's decorators."""
    filled = [cell for cell in member.__closure__ or () if cell != CellType()]
    for wrapped in filter(inspect.isfunction, (cell.cell_contents for cell in filled)):
        for key in metadata_keys(wrapped):
            if key not in keys:
                raise BootError(
                    f"{subject}: another decorator hides {_decorator_text(key)}; "
                    "use functools.wraps in the other one, or write it below"
                )


def _refuse_lost_metadata(cls: type, name: str, keys: Iterable[str]) -> None:
    """Refuse a method that overrides a handler without repeating the handler's decorators."""
    for owner in cls.__mro__:
        replaced = vars(owner).get(name)
        for key in metadata_keys(replaced) if inspect.isfunction(replaced) else ():
            if key not in keys:
                raise BootError(
                    f"{cls.__name__}.{name} overrides {owner.__name__}.{name}, but does not "
                    f"inherit its {_decorator_text(key)}; repeat the decorator"
                )


def _enhancers(keys: Iterable[str]) -> list[str]:
    return [key for key in keys if key in _ENHANCERS]


def _refuse(subject: str, key: str, why: str) -> NoReturn:
    raise BootError(f"{subject}: {_decorator_text(key)} has no effect {why}")


def _decorator_text(key: str) -> str:
    if key.startswith("@"):  # the key of a decorator of another package, such as @on_event
        return key
    return f"@{_DECORATORS[key]}" if key in _DECORATORS else f"@set_metadata({key!r}, ...)"
