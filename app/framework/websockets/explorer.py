"""Reads a gateway's marks once, at boot, and gives its event table.

Whatever is wrong with a gateway is found here, before the first client comes, and is told in a
sentence that names class, method and mend.
"""

import inspect
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

from app.framework.common.decorators import (
    GATEWAY_OPTIONS,
    MESSAGE_PATTERN,
    Cors,
    GatewayOptions,
    WebSocketServer,
)
from app.framework.common.exceptions import BootError
from app.framework.common.metadata import get_metadata, marked_methods
from app.framework.websockets.enhancers import Enhancers, Resolve, extended
from app.framework.websockets.param_decorators import AckMarker
from app.framework.websockets.parameters import Parameter, read_parameters
from app.framework.websockets.socket import RESERVED_EVENTS


@dataclass(frozen=True, slots=True)
class EventRoute:
    """One event and all that happens to it.

    Attributes:
        pattern: The event's name on the wire.
        gateway: The class of the gateway.
        handler: The bound method.
        parameters: What the method takes, in its order.
        enhancers: Global ones included.
    """

    pattern: str
    gateway: type
    handler: Callable[..., Any]
    parameters: tuple[Parameter, ...]
    enhancers: Enhancers

    @property
    def place(self) -> str:
        """``WsGateway.send_message``: for people."""
        return f"{self.gateway.__name__}.{self.handler.__name__}"

    @property
    def acks_itself(self) -> bool:
        """Whether a parameter is marked as the ack function: then the result is not acked."""
        markers = [parameter.marker for parameter in self.parameters]
        return any(each.replaces_result for each in markers if isinstance(each, AckMarker))


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
    for name, method in marked_methods(cls, MESSAGE_PATTERN):
        pattern: str = get_metadata(method, MESSAGE_PATTERN)
        place = f"{cls.__name__}.{method.__name__}"
        if pattern in RESERVED_EVENTS:
            raise BootError(f"{place}: '{pattern}' is a reserved name; choose another one")
        if pattern in routes:
            raise BootError(
                f"{place}: '{pattern}' is handled by {routes[pattern].place} already; "
                "one event has one handler here"
            )
        if inspect.isgeneratorfunction(method):
            raise BootError(f"{place} is a generator; write async def, and its values are streamed")
        routes[pattern] = EventRoute(
            pattern=pattern,
            gateway=cls,
            handler=getattr(gateway, name),
            parameters=read_parameters(method, place, resolve),
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
    for name in ("ping_interval_seconds", "ping_timeout_seconds", "max_frame_bytes"):
        value = getattr(options, name)
        if value is not None and value <= 0:
            raise BootError(f"{cls.__name__}: {name}={value!r} is not above 0; leave it out")
    if options.cors is not None:
        _check_cors(cls, options.cors)


def _check_cors(cls: type, cors: object) -> None:
    origins = cors.origins if isinstance(cors, Cors) else None
    # Of a text every part would be an origin: "https://a.example" lets "https://a.ex" in.
    if not isinstance(origins, tuple | list):
        raise BootError(
            f"{cls.__name__}: cors={cors!r} is not supported; "
            "list the origins, cors=Cors(('https://chat.example',))"
        )
    for origin in origins:
        if origin != "null" and ("://" not in origin or "*" in origin):
            raise BootError(
                f"{cls.__name__}: cors={origin!r} matches no page; "
                "write each origin in full, such as https://chat.example"
            )
