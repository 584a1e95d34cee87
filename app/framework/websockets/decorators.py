"""Nest's decorators for gateways and their events, and the options of a gateway.

The decorators only write metadata, which ``explorer.py`` reads once, at boot.
"""

import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from enum import Enum
from typing import TypeVar, overload

from app.framework.common.exceptions import BootError
from app.framework.common.metadata import Decorated, define_metadata
from app.framework.websockets.cors import Cors
from app.framework.websockets.server import Server

GATEWAY_OPTIONS = "websockets:gateway_options"
MESSAGE_PATTERN = "websockets:message_mapping"

GatewayClass = TypeVar("GatewayClass", bound=type)


@dataclass(frozen=True, slots=True)
class GatewayOptions:
    """The options of one gateway.

    If ``path``, ``cors``, a ping time or a limit is None, the adapter's option applies. Gateways
    with the same path share a server, so ``cors``, the ping times and the limits of one gateway
    apply to all of them. If two of them set different values for an option, the application does
    not start. (In Nest, the options of the first gateway apply.)
    """

    port: int = 0
    namespace: str = "/"
    path: str | None = None
    cors: Cors | None = None
    transports: tuple[str, ...] = ("websocket",)
    ping_interval_seconds: float | None = None
    ping_timeout_seconds: float | None = None
    max_frame_bytes: int | None = None
    max_attachments: int | None = None
    namespace_pattern: re.Pattern[str] | None = None


class WebSocketServer:
    """Nest's ``@WebSocketServer``: marks the attribute that receives the `Server`.

    Write ``server = WebSocketServer()`` in the gateway's class. The attribute is set before
    ``after_init`` and ``on_module_init``; reading it earlier raises AttributeError.
    """

    def __set_name__(self, owner: type, name: str) -> None:
        self.name = name

    @overload
    def __get__(self, instance: None, owner: type) -> "WebSocketServer": ...

    @overload
    def __get__(self, instance: object, owner: type) -> Server: ...

    def __get__(self, instance: object | None, owner: type) -> "WebSocketServer | Server":
        """Return this marker if it is read from the class.

        Raises:
            AttributeError: The attribute of an instance is read before it is set.
        """
        if instance is None:
            return self
        message = (
            f"{owner.__name__}.{self.name} is not set yet: "
            "the server exists from after_init on, not in the constructor"
        )
        raise AttributeError(message)


def web_socket_gateway(
    port: int = 0,
    *,
    namespace: str | re.Pattern[str] = "/",
    path: str | None = None,
    cors: Cors | bool | None = None,
    transports: Iterable[str] = ("websocket",),
    ping_interval_seconds: float | None = None,
    ping_timeout_seconds: float | None = None,
    max_frame_bytes: int | None = None,
    max_attachments: int | None = None,
) -> Callable[[GatewayClass], GatewayClass]:
    """Nest's ``@WebSocketGateway``: the class handles events. A module must provide the class.

    Args:
        port: Only 0, the application's own port, is supported; any other value fails at boot.
        namespace: A name, a name with parameters such as ``/rooms/:id``, or a regular expression
            that matches the whole name. ``client.nsp.params`` has the values of the parameters.
        cors: True means any origin, as in Nest.
        max_attachments: The maximum number of ``bytes`` objects in one event of a client. By
            default, the adapter's option applies; see `EngineOptions`.

    Raises:
        BootError: The parentheses are missing, or the namespace or ``cors`` has a wrong type.
    """
    if not isinstance(port, int):
        raise BootError(f"@web_socket_gateway: {port!r} is not a port; write @web_socket_gateway()")
    name, pattern = _read_namespace(namespace)
    if not isinstance(cors, Cors | bool | None):
        raise BootError(
            f"@web_socket_gateway: cors={cors!r} is not supported; write cors=Cors('https://chat.example')"
        )
    options = GatewayOptions(
        port=port,
        namespace=name,
        namespace_pattern=pattern,
        path=path,
        cors=Cors(cors) if isinstance(cors, bool) else cors,
        transports=tuple(transports),
        ping_interval_seconds=ping_interval_seconds,
        ping_timeout_seconds=ping_timeout_seconds,
        max_frame_bytes=max_frame_bytes,
        max_attachments=max_attachments,
    )

    def decorate(cls: GatewayClass) -> GatewayClass:
        define_metadata(cls, GATEWAY_OPTIONS, options)
        return cls

    return decorate


def _read_namespace(namespace: object) -> tuple[str, re.Pattern[str] | None]:
    """Return a namespace's name and its compiled pattern; the pattern of a fixed name is None."""
    if isinstance(namespace, re.Pattern) and isinstance(namespace.pattern, str):
        return namespace.pattern, namespace
    if not isinstance(namespace, str):
        raise BootError(
            f"@web_socket_gateway: namespace={namespace!r} is not supported; give one string or "
            "one compiled regular expression"
        )
    name = "/" + namespace.strip("/")
    if "/:" not in name:
        return name, None
    parts = (
        f"(?P<{part[1:]}>[^/]+)" if part[:1] == ":" else re.escape(part) for part in name.split("/")
    )
    try:
        return name, re.compile("/".join(parts))
    except re.error as error:
        raise BootError(
            f"@web_socket_gateway: namespace={namespace!r} has a wrong parameter ({error}); "
            "name each parameter once, like a variable"
        ) from None


def subscribe_message(pattern: str | Enum) -> Callable[[Decorated], Decorated]:
    """Nest's ``@SubscribeMessage``: the method handles this event.

    If a method has several of these decorators, only the top decorator has an effect.

    Args:
        pattern: The event's name, or an enum member whose value is the name.

    Raises:
        BootError: The name is not a string.
    """
    name = pattern.value if isinstance(pattern, Enum) else pattern
    if not isinstance(name, str):
        raise BootError(
            f"@subscribe_message: {name!r} is not the name of an event; "
            "give it as a string, @subscribe_message('event')"
        )

    def decorate(method: Decorated) -> Decorated:
        define_metadata(method, MESSAGE_PATTERN, name)
        return method

    return decorate
