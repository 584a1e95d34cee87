"""`EventEmitter2`: calls the listeners of an event, which may be async."""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from enum import Enum
from typing import Any

import pyee

from app.framework.background.handler_tasks import HandlerTasks, Started, name_of, outcome_of
from app.framework.event_emitter.wildcards import matches, specificity

NEW_LISTENER = "new_listener"
"""pyee emits this event for each new listener.

`EventEmitter2.emit` drops the event, because eventemitter2 does not emit it by default.
"""

_StartedListener = tuple[Callable[..., Any], Started]


@dataclass(frozen=True, slots=True)
class EventEmitterOptions:
    """The options of `EventEmitterModule.for_root`.

    Attributes:
        wildcard: Whether ``*`` and ``**`` in the names of listeners are wildcards.
        delimiter: Separates the parts of a name.
        max_running: While this number of async listeners is running, emitting raises an error.
        stop_seconds: The time that running listeners have to end when the application stops.
    """

    wildcard: bool = False
    delimiter: str = "."
    max_running: int = 1_000
    stop_seconds: float = 5.0


@dataclass(frozen=True, slots=True, eq=False)
class Listener:
    """A method with `on_event`, wrapped so that the emitter can call it."""

    name: str
    call: Callable[..., Any]
    max_arguments: int | None
    suppress_errors: bool

    def __call__(self, *args: object, **kwargs: object) -> Any:
        """Call the method without the surplus positional arguments, as in JavaScript."""
        return self.call(*args[: self.max_arguments], **kwargs)


class EventEmitter2(pyee.EventEmitter):
    """Emits events to the listeners of this process. A provider that emits events injects it.

    pyee implements `on`, `once`, `remove_listener`, `remove_all_listeners`, `listeners` and
    `event_names`. Listeners of one name run in the order in which they subscribed. If several names
    match, listeners with an exact part in the name run before listeners with ``*`` in its place,
    and these run before listeners with ``**``.

    Errors of listeners are logged. `emit` does not raise these errors, but `emit_async` may.
    """

    def __init__(self, options: EventEmitterOptions) -> None:
        super().__init__()
        self._options = options
        self._tasks = HandlerTasks("EventEmitter", options.stop_seconds)
        self._started: list[_StartedListener] = []
        """The listeners that the current call of `_start_listeners` has started."""

    def emit(self, event: str | Enum, *args: Any, **kwargs: Any) -> bool:
        """Call the listeners of an event, without waiting for async ones.

        Args:
            event: The event's name, or an enum member whose value is the name, as in `on_event`.
            args: The arguments of the listeners.
            kwargs: The keyword arguments of the listeners.

        Returns:
            Whether the event has listeners.

        Raises:
            RuntimeError: At least ``max_running`` listeners are running. No listener was called.
            Exception: The event is ``error`` and has no listener, as in Node. This raises the
                argument if it is an exception, and a `PyeeError` otherwise.
        """
        return event != NEW_LISTENER and bool(self._start_listeners(event, args, kwargs))

    async def emit_async(self, event: str | Enum, *args: Any, **kwargs: Any) -> list[Any]:
        """Call the listeners of an event, and wait until all have ended; return their results.

        The result of a listener that failed or was cancelled is None.

        Raises:
            Exception: The first error of a listener that has ``suppress_errors=False`` or was added
                with ``on``.
            RuntimeError: As in `emit`.
        """
        started = self._start_listeners(event, args, kwargs)
        running = [each for _, each in started if isinstance(each, asyncio.Future)]
        if running:
            await asyncio.wait(running)
        outcomes = [(listener, outcome_of(each)) for listener, each in started]
        for listener, outcome in outcomes:
            suppressed = isinstance(listener, Listener) and listener.suppress_errors
            if outcome.error is not None and not suppressed:
                raise outcome.error
        return [outcome.result for _, outcome in outcomes]

    async def stop(self) -> None:
        """Remove all listeners, and wait for the running ones; see `HandlerTasks.stop`."""
        self.remove_all_listeners()
        await self._tasks.stop()

    def _start_listeners(
        self, given: str | Enum, args: tuple[Any, ...], kwargs: dict[str, Any]
    ) -> list[_StartedListener]:
        if self._tasks.is_stopped:
            return []
        event: str = given.value if isinstance(given, Enum) else given
        if len(self._tasks) >= self._options.max_running:
            raise RuntimeError(
                f"{len(self._tasks)} event listeners are still running, so '{event}' was not "
                "emitted; listeners must end faster, or set a higher max_running"
            )
        outer, self._started = self._started, []  # a listener may emit another event
        try:
            for name in self._names_matching(event):
                super().emit(name, *args, **kwargs)
            return self._started
        finally:
            self._started = outer

    def _names_matching(self, event: str) -> list[str]:
        """Return the names of listeners that match an event; if none matches, the event's name."""
        if not self._options.wildcard:
            return [event]
        delimiter = self._options.delimiter
        parts = event.split(delimiter)
        names = [name for name in self.event_names() if matches(name.split(delimiter), parts)]
        names.sort(key=lambda name: specificity(name.split(delimiter)))
        return names or [event]

    def _add_event_handler(self, event: str, k: Callable[..., Any], v: Callable[..., Any]) -> None:
        """Add the listener ``k``. pyee will call ``v``: the listener or, for `once`, a wrapper."""
        if not isinstance(event, str):
            raise TypeError(f"{event!r} is not the name of an event; give it as a string")
        if v is not k:
            v.__wrapped__ = k  # type: ignore[attr-defined] # so that logs contain the listener's name
        super()._add_event_handler(event, k, v)

    def _emit_run(
        self, f: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any]
    ) -> None:
        """Run one listener. pyee calls this method for each listener of a name."""
        name = f.name if isinstance(f, Listener) else name_of(f)
        call = (lambda *given: f(*given, **kwargs)) if kwargs else f
        self._started.append((f, self._tasks.start(name, call, *args)))
