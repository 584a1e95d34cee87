"""Nest's decorators. They only leave marks; the explorer reads them once, at boot."""

import inspect
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from enum import Enum
from typing import TypeVar, overload

from app.framework.common.exceptions import BootError
from app.framework.common.metadata import Decorated, define_metadata, extend_metadata
from app.framework.websockets.socket import Server

GATEWAY_OPTIONS = "websockets:gateway_options"
MESSAGE_PATTERN = "websockets:message_mapping"
GUARDS = "__guards__"
PIPES = "__pipes__"
INTERCEPTORS = "__interceptors__"
FILTERS = "__exceptionFilters__"
CATCH = "__filterCatchExceptions__"

GatewayClass = TypeVar("GatewayClass", bound=type)


@dataclass(frozen=True, slots=True)
class Cors:
    """Who may connect from a browser: exact origins, such as ``https://chat.example``."""

    origins: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class GatewayOptions:
    """What a gateway asks of the server it shares. None leaves it to the adapter.

    Gateways on one path share a server, so an option that one of them sets holds for all of them;
    two that set it differently are refused at boot. (In Nest the first gateway's options win.)
    """

    port: int = 0
    namespace: str = "/"
    path: str | None = None
    cors: Cors | None = None
    transports: tuple[str, ...] = ("websocket",)
    ping_interval_seconds: float | None = None
    ping_timeout_seconds: float | None = None
    max_frame_bytes: int | None = None


class WebSocketServer:
    """Marks a gateway's attribute that gets the `Server`: ``server = WebSocketServer()``.

    It is set before ``after_init`` and ``on_module_init``; using it earlier raises AttributeError.
    """

    def __set_name__(self, owner: type, name: str) -> None:
        self.name = name

    @overload
    def __get__(self, instance: None, owner: type) -> "WebSocketServer": ...

    @overload
    def __get__(self, instance: object, owner: type) -> Server: ...

    def __get__(self, instance: object | None, owner: type) -> "WebSocketServer | Server":
        """Reached on an instance only while it has no server of its own yet."""
        if instance is None:
            return self
        message = (
            f"{owner.__name__}.{self.name} is not there yet: "
            "the server exists from after_init on, not in the constructor"
        )
        raise AttributeError(message)


def web_socket_gateway(  # noqa: D417 - the options say what they are by name
    port: int = 0,
    *,
    namespace: str = "/",
    path: str | None = None,
    cors: Cors | None = None,
    transports: Iterable[str] = ("websocket",),
    ping_interval_seconds: float | None = None,
    ping_timeout_seconds: float | None = None,
    max_frame_bytes: int | None = None,
) -> Callable[[GatewayClass], GatewayClass]:
    """Nest's ``@WebSocketGateway``: the class handles events. It must be a provider of a module.

    Args:
        port: Only 0, the application's own port; any other fails at boot.

    Raises:
        BootError: There are no parentheses, or the namespace is not a text.
    """
    if not isinstance(port, int):
        raise BootError(f"@web_socket_gateway: {port!r} is not a port; write @web_socket_gateway()")
    if not isinstance(namespace, str):
        raise BootError(
            f"@web_socket_gateway: namespace={namespace!r} is not supported; give one name, a text"
        )
    options = GatewayOptions(
        port=port,
        namespace="/" + namespace.strip("/"),
        path=path,
        cors=cors,
        transports=tuple(transports),
        ping_interval_seconds=ping_interval_seconds,
        ping_timeout_seconds=ping_timeout_seconds,
        max_frame_bytes=max_frame_bytes,
    )

    def decorate(cls: GatewayClass) -> GatewayClass:
        define_metadata(cls, GATEWAY_OPTIONS, options)
        return cls

    return decorate


def subscribe_message(pattern: str | Enum) -> Callable[[Decorated], Decorated]:
    """Nest's ``@SubscribeMessage``: the method handles this event; of several, the top one.

    Args:
        pattern: The event's name; of an enum's member, its value.

    Raises:
        BootError: The name is not a text.
    """
    name = pattern.value if isinstance(pattern, Enum) else pattern
    if not isinstance(name, str):
        raise BootError(
            f"@subscribe_message: {name!r} is not the name of an event; "
            "give it as a text, @subscribe_message('event')"
        )

    def decorate(method: Decorated) -> Decorated:
        define_metadata(method, MESSAGE_PATTERN, name)
        return method

    return decorate


def use_guards(*guards: object) -> Callable[[Decorated], Decorated]:
    """Nest's ``@UseGuards``: classes (providers of a module) or instances, left to right."""
    return _extending(GUARDS, "use_guards", guards)


def use_pipes(*pipes: object) -> Callable[[Decorated], Decorated]:
    """Nest's ``@UsePipes``: classes (providers of a module) or instances, left to right."""
    return _extending(PIPES, "use_pipes", pipes)


def use_interceptors(*interceptors: object) -> Callable[[Decorated], Decorated]:
    """Nest's ``@UseInterceptors``: classes (providers of a module) or instances, left to right."""
    return _extending(INTERCEPTORS, "use_interceptors", interceptors)


def use_filters(*filters: object) -> Callable[[Decorated], Decorated]:
    """Nest's ``@UseFilters``: the first that catches runs, and the last listed is asked first."""
    return _extending(FILTERS, "use_filters", filters)


def catch(*exceptions: type[Exception]) -> Callable[[GatewayClass], GatewayClass]:
    """Nest's ``@Catch``: which exceptions a filter takes; none named means all."""

    def decorate(cls: GatewayClass) -> GatewayClass:
        define_metadata(cls, CATCH, exceptions or (Exception,))
        return cls

    return decorate


def _extending(
    key: str, decorator: str, values: tuple[object, ...]
) -> Callable[[Decorated], Decorated]:
    if not values:
        raise BootError(f"@{decorator}() names nothing, so it has no effect; name a class")
    for value in values:
        if inspect.isfunction(value):
            raise BootError(
                f"@{decorator} was given the function {value.__name__}; "
                f"give it classes or instances, @{decorator}(SomeClass)"
            )

    def decorate(target: Decorated) -> Decorated:
        extend_metadata(target, key, values)
        return target

    return decorate
