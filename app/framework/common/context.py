"""`ArgumentsHost` and `ExecutionContext`: what guards, interceptors and filters get to see.

One object serves as all of them, and is its own ``switch_to_ws()``: an event costs one
allocation, not three.
"""

from collections.abc import Callable
from contextvars import ContextVar
from itertools import count
from secrets import token_hex
from typing import Any, Protocol

from app.framework.websockets.socket import Socket

AckFunction = Callable[..., None]
"""Answers the client's acknowledgement; the first call counts, later ones do nothing."""

CONNECTION_PATTERN = "handleConnection"
"""``get_pattern()`` while a socket is being admitted (Nest's name in ``cause.pattern``)."""

_process = token_hex(4)
_requests = count(1)


class WsArgumentsHost(Protocol):
    """Nest's ``WsArgumentsHost``."""

    def get_client(self) -> Any:
        """The `Socket`, of the class the application gave the adapter."""

    def get_data(self) -> Any:
        """The payload: None for none, the value for one, a list for several arguments."""

    def get_pattern(self) -> str:
        """The event's declared name."""

    def get_ack(self) -> AckFunction | None:
        """The acknowledgement, None when the client asked for none (Nest: ``getArgByIndex(2)``)."""


class ArgumentsHost:
    """The arguments of one event."""

    __slots__ = ("_ack", "_client", "_data", "_pattern")

    def __init__(self, client: Socket, data: Any, ack: AckFunction | None, pattern: str) -> None:
        self._client = client
        self._data = data
        self._ack = ack
        self._pattern = pattern

    def get_type(self) -> str:
        """Always ``ws`` here."""
        return "ws"

    def get_args(self) -> tuple[Socket, Any, AckFunction | None, str]:
        """``(client, data, ack, pattern)``, as in Nest 12."""
        return self._client, self._data, self._ack, self._pattern

    def get_arg_by_index(self, index: int) -> Any:
        """One of `get_args`."""
        return self.get_args()[index]

    def switch_to_ws(self) -> WsArgumentsHost:
        """The websocket view of these arguments."""
        return self

    def get_client(self) -> Any:
        """See `WsArgumentsHost.get_client`."""
        return self._client

    def get_data(self) -> Any:
        """See `WsArgumentsHost.get_data`."""
        return self._data

    def get_pattern(self) -> str:
        """See `WsArgumentsHost.get_pattern`."""
        return self._pattern

    def get_ack(self) -> AckFunction | None:
        """See `WsArgumentsHost.get_ack`."""
        return self._ack


class UnknownEvent:
    """Stands as the gateway of an event that no gateway handles."""


class ExecutionContext(ArgumentsHost):
    """The arguments of one event, and who is about to handle it."""

    __slots__ = ("_class", "_handler", "_request_id")

    is_connection = False
    """Whether a socket is being admitted. The pattern does not say: a client may send its name."""

    def __init__(
        self,
        client: Socket,
        data: Any,
        ack: AckFunction | None,
        pattern: str,
        gateway_class: type,
        handler: Callable[..., Any],
    ) -> None:
        # Not by way of the base: one is made for each event.
        self._client = client
        self._data = data
        self._ack = ack
        self._pattern = pattern
        self._class = gateway_class
        self._handler = handler
        self._request_id = ""

    def get_class(self) -> type:
        """The gateway's class."""
        return self._class

    def get_handler(self) -> Callable[..., Any]:
        """The handler function, for the `Reflector`."""
        return self._handler

    @property
    def log_name(self) -> str:
        """The event's name for logs: only declared ones, as an unknown one is a client's text."""
        return "(unknown)" if self._class is UnknownEvent else self._pattern

    @property
    def request_id(self) -> str:
        """Names this event in the logs: unique in the process and, most likely, beyond it."""
        if not self._request_id:
            self._request_id = f"{_process}-{next(_requests)}"
        return self._request_id


current_context: ContextVar[ExecutionContext | None] = ContextVar("current_context", default=None)
"""Of the event that is being handled, in every coroutine and callback its handler starts."""


class ConnectionContext(ExecutionContext):
    """The context of a socket that is being admitted: no payload, no ack, `CONNECTION_PATTERN`."""

    __slots__ = ()

    is_connection = True

    def __init__(self, client: Socket, gateway_class: type, handler: Callable[..., Any]) -> None:
        super().__init__(client, None, None, CONNECTION_PATTERN, gateway_class, handler)
