"""Reads the decorators of a gateway once, at boot, and lists its events.

A mistake in the decorators, handlers or options of a gateway raises a `BootError` here, before the
first client connects. The error names the class, the method and the fix.
"""

import inspect
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

from app.framework.common.exceptions import BootError
from app.framework.common.metadata import get_metadata, methods_with_metadata
from app.framework.websockets.broadcast import RESERVED_EVENTS
from app.framework.websockets.decorators import (
    GATEWAY_OPTIONS,
    MESSAGE_PATTERN,
    GatewayOptions,
    WebSocketServer,
)
from app.framework.websockets.enhancers import (
    Enhancers,
    Resolve,
    check_needed_guards,
    collect_enhancers,
)
from app.framework.websockets.param_decorators import AckMarker
from app.framework.websockets.parameters import Parameter, read_parameters


@dataclass(frozen=True, slots=True)
class EventRoute:
    """One event of a gateway.

    Attributes:
        handler: The gateway's bound method that ``subscribe_message`` decorates.
    """

    pattern: str
    gateway: type
    handler: Callable[..., Any]
    parameters: tuple[Parameter, ...]
    enhancers: Enhancers

    @property
    def handler_name(self) -> str:
        """The class and the method, such as ``WsGateway.send_message``."""
        return f"{self.gateway.__name__}.{self.handler.__name__}"

    @property
    def acks_itself(self) -> bool:
        """Whether the handler has an `Ack` parameter, so that its result is not sent as the ack."""
        markers = [parameter.marker for parameter in self.parameters]
        return any(each.replaces_result for each in markers if isinstance(each, AckMarker))


@dataclass(frozen=True, slots=True)
class GatewayDefinition:
    """A gateway with its events.

    The guards and filters in ``enhancers`` apply to connections and unknown events.
    """

    instance: Any
    options: GatewayOptions
    routes: tuple[EventRoute, ...]
    enhancers: Enhancers


def explore(gateway: object, application: Enhancers, resolve: Resolve) -> GatewayDefinition:
    """Read a gateway's definition; raise `BootError` for a mistake or an unsupported option."""
    cls = type(gateway)
    options: GatewayOptions = get_metadata(cls, GATEWAY_OPTIONS)
    _check_options(cls, options)
    class_enhancers = collect_enhancers(application, cls, cls.__name__, resolve)
    routes: dict[str, EventRoute] = {}
    for name, method in methods_with_metadata(cls, MESSAGE_PATTERN):
        pattern: str = get_metadata(method, MESSAGE_PATTERN)
        subject = f"{cls.__name__}.{method.__name__}"
        if pattern in RESERVED_EVENTS:
            raise BootError(f"{subject}: '{pattern}' is a reserved event name; choose another one")
        if pattern in routes:
            raise BootError(
                f"{subject}: {routes[pattern].handler_name} already handles '{pattern}'; "
                "remove one of the two, an event has one handler"
            )
        if inspect.isgeneratorfunction(method):
            raise BootError(f"{subject} is a generator; write async def to stream its values")
        enhancers = collect_enhancers(class_enhancers, method, subject, resolve)
        check_needed_guards(cls, method, enhancers.guards, subject, resolve)
        routes[pattern] = EventRoute(
            pattern=pattern,
            gateway=cls,
            handler=getattr(gateway, name),
            parameters=read_parameters(method, subject, resolve),
            enhancers=enhancers,
        )
    return GatewayDefinition(gateway, options, tuple(routes.values()), class_enhancers)


def server_attributes(cls: type) -> Iterator[str]:
    """Yield the names of the attributes that are marked with `WebSocketServer`."""
    for owner in cls.__mro__:
        yield from (
            name for name, value in vars(owner).items() if isinstance(value, WebSocketServer)
        )


def _check_options(cls: type, options: GatewayOptions) -> None:
    if options.port != 0:
        raise BootError(
            f"{cls.__name__}: a port of its own ({options.port}) is not supported; "
            "remove it, all gateways share the application's port"
        )
    if options.transports != ("websocket",):
        raise BootError(
            f"{cls.__name__}: transports={options.transports!r} is not supported; "
            "only ('websocket',) is"
        )
    for name in (
        "ping_interval_seconds",
        "ping_timeout_seconds",
        "max_frame_bytes",
        "max_attachments",
    ):
        value = getattr(options, name)
        if value is not None and value <= 0:
            raise BootError(
                f"{cls.__name__}: {name}={value!r} must be greater than 0; change or remove it"
            )
