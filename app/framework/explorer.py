"""Reads a gateway's marks once, at boot, and gives its event table.

Whatever is wrong with a gateway is found here, before the first client comes, and is told in a
sentence that names class, method and mend.
"""

import inspect
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Annotated, Any, get_args, get_origin, get_type_hints

from app.framework.decorators import (
    FILTERS,
    GATEWAY_OPTIONS,
    GUARDS,
    INTERCEPTORS,
    MESSAGE_PATTERN,
    PIPES,
    GatewayOptions,
    WebSocketServer,
)
from app.framework.exceptions import BootError
from app.framework.filters import ExceptionFilter
from app.framework.guards import CanActivate
from app.framework.interceptors import NestInterceptor
from app.framework.metadata import get_metadata
from app.framework.params import AckMarker, ParamMarker
from app.framework.pipes import PipeTransform
from app.framework.socket import RESERVED_EVENTS

Resolve = Callable[[object, str], Any]
"""Turns a class named in a decorator into the container's instance; the text says who wants it."""

_MAX_PLAIN_PARAMETERS = 3


@dataclass(frozen=True, slots=True)
class Parameter:
    """One parameter of a handler: what marks it, and its annotated type."""

    name: str
    marker: ParamMarker | AckMarker
    metatype: Any


@dataclass(frozen=True, slots=True)
class Enhancers:
    """What stands around handlers, in the order in which it runs.

    Filters are in the order in which they are asked: the method's, the class's, the application's.
    """

    guards: tuple[CanActivate, ...] = ()
    interceptors: tuple[NestInterceptor, ...] = ()
    pipes: tuple[PipeTransform, ...] = ()
    filters: tuple[ExceptionFilter, ...] = ()


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
    class_enhancers = _extend(application, cls, cls.__name__, resolve)
    routes: dict[str, EventRoute] = {}
    for method in _event_methods(cls):
        pattern: str = get_metadata(method, MESSAGE_PATTERN)
        place = f"{cls.__name__}.{method.__name__}"
        if pattern in RESERVED_EVENTS:
            raise BootError(f"{place}: '{pattern}' is a reserved name; choose another one")
        if pattern in routes:
            raise BootError(
                f"{place}: '{pattern}' is handled by {routes[pattern].place} already; "
                "one event has one handler here"
            )
        parameters, arity = _parameters(method, place)
        routes[pattern] = EventRoute(
            pattern=str(pattern),
            gateway=cls,
            handler=getattr(gateway, method.__name__),
            parameters=parameters,
            plain_arity=arity,
            enhancers=_extend(class_enhancers, method, place, resolve),
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


def _event_methods(cls: type) -> Iterator[Callable[..., Any]]:
    """Every subscribed method, inherited ones first; an override counts only if it is decorated."""
    names = dict.fromkeys(name for owner in reversed(cls.__mro__) for name in vars(owner))
    for name in names:
        member = inspect.getattr_static(cls, name)
        if inspect.isfunction(member) and get_metadata(member, MESSAGE_PATTERN) is not None:
            yield member


def _extend(outer: Enhancers, target: object, place: str, resolve: Resolve) -> Enhancers:
    """The enhancers of ``outer`` and those a class or method adds."""

    def added(key: str, needed: type, wanted: str) -> tuple[Any, ...]:
        found = tuple(
            resolve(reference, f"{place}: @{wanted}")
            for reference in get_metadata(target, key) or ()
        )
        for instance in found:
            if not isinstance(instance, needed):
                raise BootError(
                    f"{place}: @{wanted} names {type(instance).__name__}, "
                    f"which is no {needed.__name__}"
                )
        return found

    return Enhancers(
        guards=(*outer.guards, *added(GUARDS, CanActivate, "use_guards")),
        interceptors=(
            *outer.interceptors,
            *added(INTERCEPTORS, NestInterceptor, "use_interceptors"),
        ),
        pipes=(*outer.pipes, *added(PIPES, PipeTransform, "use_pipes")),
        filters=(*reversed(added(FILTERS, ExceptionFilter, "use_filters")), *outer.filters),
    )


def _parameters(method: Callable[..., Any], place: str) -> tuple[tuple[Parameter, ...] | None, int]:
    """Marked parameters, or None and how many plain ones there are."""
    hints = get_type_hints(method, include_extras=True)
    names = list(inspect.signature(method).parameters)[1:]
    marked = {name: _marker(hints.get(name)) for name in names}
    if not any(marked.values()):
        if len(names) > _MAX_PLAIN_PARAMETERS:
            raise BootError(
                f"{place}: without annotations a handler takes (client, data, ack) at most, "
                f"not ({', '.join(names)})"
            )
        return None, len(names)
    parameters = []
    for name, found in marked.items():
        if found is None:
            raise BootError(
                f"{place}: nothing says what parameter '{name}' is; annotate it with "
                "MessageBody(), ConnectedSocket(), Ack() or a decorator of your own"
            )
        parameters.append(Parameter(name, *found))
    return tuple(parameters), 0


def _marker(hint: Any) -> tuple[ParamMarker | AckMarker, Any] | None:
    """The marker of an annotation and the type it stands on, None without a marker."""
    if get_origin(hint) is not Annotated:
        return None
    metatype, *extras = get_args(hint)
    for extra in extras:
        if isinstance(extra, ParamMarker | AckMarker):
            others = tuple(other for other in extras if other is not extra)
            return extra, Annotated[(metatype, *others)] if others else metatype
    return None
