"""Events from other servers: socket.io's ``serverSideEmit``, and `RemoteEvent`."""

import asyncio
from collections.abc import Callable, Coroutine
from contextvars import Context
from inspect import iscoroutine
from typing import Any, NamedTuple

import structlog

from app.framework.common.hooks import max_arguments

Listener = Callable[..., Any]
"""Takes the arguments of the event or fewer; with an ack, its function is the last argument."""

MAX_RUNNING = 1_000
"""The maximum number of async listeners of a namespace that run at the same time."""

_CONNECTIONS = frozenset({"connect", "connection"})
_RESERVED = _CONNECTIONS | {"new_namespace"}

_log = structlog.stdlib.get_logger("ServerEvents")


class RemoteEvent(NamedTuple):
    """An event that another node sends to the sockets of this node, too."""

    rooms: frozenset[str]
    except_rooms: frozenset[str]
    event: str
    args: tuple[Any, ...]
    volatile: bool


Intercept = Callable[[RemoteEvent], bool]
"""Returns True if the event must not be sent now. It must return quickly."""


class _Entry(NamedTuple):
    listener: Listener
    once: bool
    max_args: int | None
    """The maximum number of arguments that the listener takes; None if there is no maximum."""


class ServerEvents:
    """The listeners of one namespace for events of other servers.

    Errors of listeners are logged, without the event's arguments.

    Attributes:
        intercept: See `Server.intercept_remote_events`.
    """

    def __init__(self) -> None:
        self.intercept: Intercept | None = None
        self._entries: dict[str, tuple[_Entry, ...]] = {}
        self._running: set[asyncio.Task[None]] = set()

    def add(self, event: str, listener: Listener, *, once: bool) -> None:
        """Add a listener.

        Raises:
            ValueError: The name of the event is reserved.
        """
        if event in _CONNECTIONS:
            raise ValueError(
                f"server.on('{event}') is not supported; write handle_connection in the gateway"
            )
        entry = _Entry(listener, once, max_arguments(listener))
        self._entries[check_name(event)] = (*self._entries.get(event, ()), entry)

    def remove(self, event: str, listener: Listener | None) -> None:
        """Remove a listener; None removes all listeners of the event."""
        kept = tuple(
            each
            for each in self._entries.get(event, ())
            if listener is not None and each.listener != listener
        )
        self._entries[event] = kept

    def call(self, event: str, args: tuple[Any, ...]) -> None:
        """Call the listeners of an event. Async listeners continue in the background."""
        for entry in self._entries.get(event, ()):
            if entry.once:
                self.remove(event, entry.listener)
            try:
                result = entry.listener(*args[: entry.max_args])
            except Exception:  # noqa: BLE001 - a listener must not end the subscription
                _log.exception("a listener for events of other servers failed", pattern=event)
                continue
            if iscoroutine(result):
                self._run(event, result)

    async def close(self) -> None:
        """Cancel the async listeners, and wait until they have ended."""
        running = tuple(self._running)
        for task in running:
            task.cancel()
        await asyncio.gather(*running, return_exceptions=True)

    def _run(self, event: str, coroutine: Coroutine[Any, Any, None]) -> None:
        if len(self._running) >= MAX_RUNNING:
            coroutine.close()
            _log.error("too many listeners for events of other servers are running", pattern=event)
            return
        task = asyncio.create_task(
            _logging_errors(event, coroutine), name="server-event", context=Context()
        )
        self._running.add(task)
        task.add_done_callback(self._running.discard)


def check_name(event: str) -> str:
    """Return the name; raise ValueError if it is reserved."""
    if event in _RESERVED:
        raise ValueError(f"'{event}' is a reserved event name")
    return event


async def _logging_errors(event: str, coroutine: Coroutine[Any, Any, None]) -> None:
    try:
        await coroutine
    except Exception:  # noqa: BLE001 - no other code awaits the task
        _log.exception("a listener for events of other servers failed", pattern=event)
