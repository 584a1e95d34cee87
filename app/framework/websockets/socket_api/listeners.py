"""Listeners of one socket: socket.io's ``socket.on``, ``once`` and ``off``.

A socket with listeners has its own table of event handlers. Other sockets share their namespace's
table, so listeners cost them nothing.
"""

import inspect
from collections.abc import Callable, Coroutine, Mapping
from typing import Any, NamedTuple

import structlog

from app.framework.common.awaiting import maybe_await
from app.framework.common.context import AckFunction, ExecutionContext, current_context
from app.framework.websockets.broadcast import RESERVED_EVENTS, reserved
from app.framework.websockets.exceptions_handler import compile_filters

Listener = Callable[..., Any]
"""Takes ``(data, ack)`` or fewer arguments; for ``disconnect``, the reason. It may be async."""

Handler = Callable[[Any, Any, AckFunction | None], Coroutine[Any, Any, None]]
"""See `EventHandler` in ``pipeline.py``."""

DISCONNECT = "disconnect"
DISCONNECTING = "disconnecting"
"""The two reserved names that may have listeners."""

Handlers = Mapping[str, Handler]

_log = structlog.stdlib.get_logger("Listeners")

_answer_error = compile_filters(())


class _Entry(NamedTuple):
    listener: Listener
    call: Listener
    """Calls the listener with ``(data, ack)``, or with fewer arguments if it takes fewer."""
    once: bool


class _Listeners:
    """Handles an event of one socket: runs the gateway's handler, if any, and then the listeners.

    As in Nest, no guards, pipes or filters of a gateway run for listeners. `BaseWsExceptionFilter`
    answers their errors.
    """

    def __init__(self, event: str, handler: Handler | None) -> None:
        self.event = event
        self.handler = handler
        self.entries: tuple[_Entry, ...] = ()

    async def __call__(self, client: Any, data: Any, ack: AckFunction | None) -> None:
        if self.handler is not None:
            await self.handler(client, data, ack)
        for entry in self.entries:
            if entry.once:
                self.entries = tuple(each for each in self.entries if each is not entry)
            context = ExecutionContext(client, data, ack, self.event, type(client), entry.listener)
            current_context.set(context)
            try:
                await maybe_await(entry.call(data, ack))
            except Exception as error:  # noqa: BLE001 - the filter answers every error
                await _answer_error(error, context)


def listenable(event: str) -> str:
    """Return the name; raise ValueError if it is reserved, unless listeners may have it."""
    if event in RESERVED_EVENTS and event not in {DISCONNECT, DISCONNECTING}:
        raise reserved(event)
    return event


def add_listener(handlers: Handlers, event: str, listener: Listener, *, once: bool) -> Handlers:
    """Add a listener, and return the socket's table of handlers.

    The first listener of an event is added to a copy of the table, because other sockets may share
    the table.

    Raises:
        TypeError: The listener needs more arguments than ``(data, ack)``.
    """
    entry = _Entry(listener, accepting(listener, 2), once)
    current = handlers.get(event)
    if not isinstance(current, _Listeners):
        current = _Listeners(event, current)
        handlers = {**handlers, event: current}
    current.entries = (*current.entries, entry)
    return handlers


def remove_listener(handlers: Handlers, event: str, listener: Listener | None) -> Handlers:
    """Remove a listener of an event, and return the socket's table of handlers.

    If ``listener`` is None, all listeners of the event are removed.
    """
    current = handlers.get(event)
    if not isinstance(current, _Listeners):
        return handlers
    current.entries = tuple(
        each for each in current.entries if listener is not None and each.listener != listener
    )
    if current.entries:
        return handlers
    others = {name: handler for name, handler in handlers.items() if name != event}
    return others if current.handler is None else {**others, event: current.handler}


def accepting(listener: Listener, count: int) -> Listener:
    """Return a function of ``count`` arguments that drops the arguments the listener does not take.

    Raises:
        TypeError: The listener needs more arguments.
    """
    signature = inspect.signature(listener)
    accepted = next((each for each in range(count, -1, -1) if _binds(signature, each)), None)
    if accepted is None:
        name = getattr(listener, "__qualname__", type(listener).__name__)
        raise TypeError(f"{name}: a listener takes at most {count} argument{'s' * (count > 1)}")
    return listener if accepted == count else lambda *given: listener(*given[:accepted])


def _binds(signature: inspect.Signature, count: int) -> bool:
    try:
        signature.bind(*[None] * count)
    except TypeError:
        return False
    return True


class DisconnectListener:
    """A disconnect handler that calls a listener of one socket; errors are logged."""

    def __init__(self, listener: Listener) -> None:
        self.listener = listener
        self._call = accepting(listener, 1)

    async def __call__(self, client: Any, reason: str) -> None:
        """Call the listener with the reason."""
        try:
            await maybe_await(self._call(reason))
        except Exception:  # noqa: BLE001 - as for handle_disconnect, errors are only logged
            _log.exception("disconnect listener failed", socket_id=client.id, reason=reason)


class DisconnectingListener:
    """Calls a listener of one socket before the socket leaves its rooms; errors are logged.

    Raises:
        TypeError: The listener is async, so it would run after the socket has left its rooms.
    """

    def __init__(self, listener: Listener) -> None:
        if inspect.iscoroutinefunction(listener):
            raise TypeError(f"{listener.__qualname__}: a listener of 'disconnecting' is not async")
        self.listener = listener
        self._call = accepting(listener, 1)

    def __call__(self, client: Any, reason: str) -> None:
        """Call the listener with the reason."""
        try:
            self._call(reason)
        except Exception:  # noqa: BLE001 - as for handle_disconnect, errors are only logged
            _log.exception("disconnecting listener failed", socket_id=client.id, reason=reason)
