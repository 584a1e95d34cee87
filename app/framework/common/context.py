"""`ArgumentsHost` and `ExecutionContext`: describe an event to guards, interceptors and filters.

One object serves as both, and as the result of ``switch_to_ws()`` or ``switch_to_http()``. An event
therefore needs one allocation instead of three.
"""

from collections.abc import Callable
from contextvars import ContextVar
from itertools import count
from secrets import token_hex
from typing import Any, NoReturn

AckFunction = Callable[..., bool | None]
"""An `Acknowledgement`: sends the ack to the client.

Only the first call has an effect; further calls return False.
"""

CONNECTION_PATTERN = "handleConnection"
"""The value of ``get_pattern()`` while a socket connects.

The ``exception`` event contains it as ``cause.pattern``.
"""

_process = token_hex(4)
_requests = count(1)


class ArgumentsHost:
    """The arguments of one event."""

    __slots__ = ("_ack", "_client", "_data", "_pattern")

    def __init__(self, client: Any, data: Any, ack: AckFunction | None, pattern: str) -> None:
        self._client = client
        self._data = data
        self._ack = ack
        self._pattern = pattern

    def get_type(self) -> str:
        """Return ``ws`` for an event of a gateway, ``http`` for a request to a controller."""
        return "ws"

    def get_args(self) -> tuple[Any, ...]:
        """Return ``(client, data, ack, pattern)``, as Nest 12 does."""
        return self._client, self._data, self._ack, self._pattern

    def get_arg_by_index(self, index: int) -> Any:
        """Return one item of `get_args`."""
        return self.get_args()[index]

    def switch_to_ws(self) -> "WsArgumentsHost":
        """Return this object, which also has the methods of Nest's ``WsArgumentsHost``."""
        return self

    def switch_to_http(self) -> "HttpContext":
        """Return the HTTP request's context.

        Raises:
            TypeError: This is an event of a gateway; check `get_type` first.
        """
        raise TypeError(
            f"'{self._pattern}' is an event of a gateway and has no HTTP request; "
            "call switch_to_http() only if get_type() is 'http'"
        )

    def get_client(self) -> Any:
        """Return the client's `Socket`, an instance of `IoOptions.socket_class`."""
        return self._client

    def get_data(self) -> Any:
        """Return the client's argument; None if there is none, a list if there are several."""
        return self._data

    def get_pattern(self) -> str:
        """Return the name of the event."""
        return self._pattern

    def get_ack(self) -> AckFunction | None:
        """Return the ack function, or None if no ack was requested (Nest: ``getArgByIndex(2)``)."""
        return self._ack


WsArgumentsHost = ArgumentsHost
"""Nest's name for the arguments of a WebSocket event."""


class UnknownEvent:
    """The value of ``get_class()`` for an event that no gateway handles."""


class ExecutionContext(ArgumentsHost):
    """The arguments of one event or request, and the class and the handler that receive it."""

    __slots__ = ("_class", "_handler", "_request_id")

    is_connection = False
    """Whether this is the context of a connecting socket instead of an event.

    Do not compare the pattern instead: a client may send an event named `CONNECTION_PATTERN`.
    """

    def __init__(
        self,
        client: Any,
        data: Any,
        ack: AckFunction | None,
        pattern: str,
        gateway_class: type,
        handler: Callable[..., Any],
    ) -> None:
        # Set the fields here instead of calling ``super().__init__``: every event creates a
        # context, so the call would slow down every event.
        self._client = client
        self._data = data
        self._ack = ack
        self._pattern = pattern
        self._class = gateway_class
        self._handler = handler
        self._request_id = ""

    def get_class(self) -> type:
        """Return the class of the gateway or controller."""
        return self._class

    def get_handler(self) -> Callable[..., Any]:
        """Return the handler, whose metadata a `Reflector` reads."""
        return self._handler

    @property
    def log_name(self) -> str:
        """The event's name for logs, or ``(unknown)`` for an event that no gateway handles."""
        return "(unknown)" if self._class is UnknownEvent else self._pattern

    @property
    def request_id(self) -> str:
        """The event's id in logs; unique in this process, and almost certainly across processes."""
        if not self._request_id:
            self._request_id = f"{_process}-{next(_requests)}"
        return self._request_id


current_context: ContextVar[ExecutionContext | None] = ContextVar("current_context", default=None)
"""The current event's context. Tasks and callbacks that the handler starts inherit this value."""


class ConnectionContext(ExecutionContext):
    """The context of a connecting socket: no payload, no ack, pattern `CONNECTION_PATTERN`."""

    __slots__ = ()

    is_connection = True

    def __init__(self, client: Any, gateway_class: type, handler: Callable[..., Any]) -> None:
        super().__init__(client, None, None, CONNECTION_PATTERN, gateway_class, handler)


class HttpContext(ExecutionContext):
    """The context of a request to a controller.

    The methods for WebSocket events raise a TypeError. A guard that calls one of them therefore
    fails, instead of admitting requests by mistake.

    Attributes:
        body: The decoded JSON body, if the handler has a ``Body`` parameter.
        raw_body: The bytes of the body, if the handler has a ``Body`` or ``RawBody`` parameter.
    """

    __slots__ = ("_request", "_response", "body", "raw_body")

    def __init__(
        self,
        request: Any,
        response: Any,
        route: str,
        controller_class: type,
        handler: Callable[..., Any],
    ) -> None:
        super().__init__(None, None, None, route, controller_class, handler)
        self._request = request
        self._response = response
        self.body: Any = None
        self.raw_body = b""

    def get_type(self) -> str:
        """Return ``http``."""
        return "http"

    def get_args(self) -> tuple[Any, ...]:
        """Return ``(request, response)``."""
        return self._request, self._response

    def switch_to_http(self) -> "HttpContext":
        """Return this object, which also has the methods of Nest's ``HttpArgumentsHost``."""
        return self

    def get_request(self) -> Any:
        """Return the request of aiohttp."""
        return self._request

    def get_response(self) -> Any:
        """Return the `HttpResponse`, on which guards, interceptors and filters may set headers."""
        return self._response

    def switch_to_ws(self) -> NoReturn:
        """Raise a TypeError: there is no socket."""
        self._refuse("switch_to_ws()")

    def get_client(self) -> NoReturn:
        """Raise a TypeError: there is no socket."""
        self._refuse("get_client()")

    def get_data(self) -> NoReturn:
        """Raise a TypeError: there is no payload."""
        self._refuse("get_data()")

    def get_ack(self) -> NoReturn:
        """Raise a TypeError: there is no ack."""
        self._refuse("get_ack()")

    def _refuse(self, method: str) -> NoReturn:
        raise TypeError(
            f"{self._pattern} is an HTTP request and has no socket; "
            f"call {method} only if get_type() is 'ws'"
        )


HttpArgumentsHost = HttpContext
"""Nest's name for the arguments of an HTTP request."""
