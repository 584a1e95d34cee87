"""Reads a gateway's marks once, at boot, and gives its event table.

Whatever is wrong with a gateway is found here, before the first client comes, and is told in a
sentence that names class, method and mend.
"""

import inspect
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

from app.framework.decorators import (
    GATEWAY_OPTIONS,
    MESSAGE_PATTERN,
    GatewayOptions,
    WebSocketServer,
)
from app.framework.enhancers import Enhancers, Resolve, extended
from app.framework.exceptions import BootError
from app.framework.handler_parameters import Parameter, read_parameters
from app.framework.metadata import get_metadata
from app.framework.params import AckMarker
from app.framework.socket import RESERVED_EVENTS


@dataclass(frozen=True, slots=True)
class EventRoute:
    """One event and all that happens to it.

    Attributes:
        pattern: The event's name on the wire.
        gateway: The class of the gateway.
        handler: The bound method.
        parameters: Marked parameters; None when the method takes ``(client, data, ack)`` plainly.
        plain_arity: How many of those three it takes.
        enhancers: Global ones included.
    """

    pattern: str
    gateway: type
    handler: Callable[..., Any]
    parameters: tuple[Parameter, ...] | None
    plain_arity: int
    enhancers: Enhancers

    @property
    def place(self) -> str:
        """``WsGateway.send_message``: for people."""
        return f"{self.gateway.__name__}.{self.handler.__name__}"

    @property
    def acks_itself(self) -> bool:
        """Whether a parameter is the ack function: then the result is not acked."""
        return any(isinstance(parameter.marker, AckMarker) for parameter in self.parameters or ())


@dataclass(frozen=True, slots=True)
class GatewayDefinition:
    """A gateway, ready to be bound to a server."""

    instance: Any
    options: GatewayOptions
    routes: tuple[EventRoute, ...]
    enhancers: Enhancers
    """Of the class and the application: what connects and unknown events meet."""


def explore(gateway: object, application: Enhancers, resolve: Resolve) -> GatewayDefinition:
    """The gateway's definition.

    Raises:
        BootError: Something is wrong or not supported.
    """
    cls = type(gateway)
    options: GatewayOptions = get_metadata(cls, GATEWAY_OPTIONS)
    _check_options(cls, options)
    class_enhancers = extended(application, cls, cls.__name__, resolve)
    routes: dict[str, EventRoute] = {}
    for name, method in _event_methods(cls):
        pattern: str = get_metadata(method, MESSAGE_PATTERN)
        place = f"{cls.__name__}.{method.__name__}"
        if pattern in RESERVED_EVENTS:
            raise BootError(f"{place}: '{pattern}' is a reserved name; choose another one")
        if pattern in routes:
            raise BootError(
                f"{place}: '{pattern}' is handled by {routes[pattern].place} already; "
                "one event has one handler here"
            )
        parameters, arity = read_parameters(method, place, resolve)
        routes[pattern] = EventRoute(
            pattern=str(pattern),
            gateway=cls,
            handler=getattr(gateway, name),
            parameters=parameters,
            plain_arity=arity,
            enhancers=extended(class_enhancers, method, place, resolve),
        )
    return GatewayDefinition(gateway, options, tuple(routes.values()), class_enhancers)


def server_attributes(cls: type) -> Iterator[str]:
    """The names of the attributes marked with `WebSocketServer`."""
    for owner in cls.__mro__:
        yield from (
            name for name, value in vars(owner).items() if isinstance(value, WebSocketServer)
        )


def _check_options(cls: type, options: GatewayOptions) -> None:
    if options.port != 0:
        raise BootError(
            f"{cls.__name__}: a gateway's own port ({options.port}) is not supported; "
            "leave the port out and all gateways share the application's"
        )
    if options.transports != ("websocket",):
        raise BootError(
            f"{cls.__name__}: transports={options.transports!r} is not supported; "
            "only ('websocket',) is"
        )
    for origin in () if options.cors is None else options.cors.origins:
        if origin != "null" and ("://" not in origin or "*" in origin):
            raise BootError(
                f"{cls.__name__}: cors={origin!r} matches no page; "
                "write each origin in full, such as https://chat.example"
            )


def _event_methods(cls: type) -> Iterator[tuple[str, Callable[..., Any]]]:
    """Every subscribed method, inherited ones first; an override counts only if it is decorated."""
    names = dict.fromkeys(name for owner in reversed(cls.__mro__) for name in vars(owner))
    for name in names:
        member = inspect.getattr_static(cls, name)
        if isinstance(member, staticmethod | classmethod) and get_metadata(
            member.__func__, MESSAGE_PATTERN
        ):
            raise BootError(f"{cls.__name__}.{name}: a handler is a method; give it self")
        if inspect.isfunction(member) and get_metadata(member, MESSAGE_PATTERN) is not None:
            yield name, member
