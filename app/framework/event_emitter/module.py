"""`EventEmitterModule`: provides `EventEmitter2`, and subscribes the methods with `on_event`."""

from collections.abc import Sequence

from dependency_injector import containers, providers

from app.framework.background.explorer import Explorer
from app.framework.background.method_decorators import Handler, decorated_methods
from app.framework.common.exceptions import BootError
from app.framework.common.providers import global_
from app.framework.event_emitter.decorators import ON_EVENT, OnEventOptions
from app.framework.event_emitter.event_emitter import (
    NEW_LISTENER,
    EventEmitter2,
    EventEmitterOptions,
    Listener,
)
from app.framework.event_emitter.wildcards import ONE_PART, has_partial_wildcard


class EventSubscribersLoader(Explorer):
    """Subscribes the methods with `on_event` when all modules are initialized.

    As in Nest, an event that a provider emits in ``on_module_init`` reaches no listener. Listeners
    receive events until all sockets are closed, so they receive the events of
    ``handle_disconnect`` too.
    """

    decorators = (ON_EVENT,)

    def __init__(self, emitter: EventEmitter2, options: EventEmitterOptions) -> None:
        self._emitter = emitter
        self._options = options
        self._listeners: list[tuple[str, Listener]] = []

    def explore(self, providers: Sequence[object]) -> None:
        """Collect the methods with `on_event` of all providers."""
        self._check_options()
        for provider in providers:
            for handler, uses in decorated_methods(provider, ON_EVENT):
                for use in uses:
                    self._check(handler, use)
                    listener = Listener(
                        handler.name, handler.call, handler.max_arguments, use.suppress_errors
                    )
                    self._listeners.append((use.event, listener))

    def on_module_init(self) -> None:
        """Subscribe all listeners. This runs after the hooks of all other providers."""
        for event, listener in self._listeners:
            self._emitter.on(event, listener)

    async def on_application_shutdown(self) -> None:
        """Stop all listeners, before other providers close the resources that listeners use."""
        await self._emitter.stop()

    def _check_options(self) -> None:
        options = self._options
        if not options.delimiter or options.max_running < 1 or options.stop_seconds < 0:
            raise BootError(
                f"EventEmitterModule.for_root: {options!r} is invalid; the delimiter must not be "
                "empty, max_running must be at least 1 and stop_seconds at least 0"
            )

    def _check(self, handler: Handler, use: OnEventOptions) -> None:
        subject = f"{handler.name}: @on_event({use.event!r})"
        parts = use.event.split(self._options.delimiter)
        if use.event == NEW_LISTENER:
            raise BootError(f"{subject}: the name is reserved; choose another one")
        if self._options.wildcard and has_partial_wildcard(parts):
            raise BootError(
                f"{subject} matches no other event, because * must be a whole part; "
                f"write it between delimiters, such as 'order{self._options.delimiter}*'"
            )
        if not self._options.wildcard and ONE_PART in use.event:
            raise BootError(
                f"{subject} is no wildcard; write EventEmitterModule.for_root(wildcard=True)"
            )


@global_
class EventEmitterModule(containers.DeclarativeContainer):
    """Nest's ``EventEmitterModule``, which is global.

    Write ``events = EventEmitterModule.for_root()`` in the root module. Modules with providers that
    emit declare ``imported(EventEmitter2)``.
    """

    options = providers.Dependency(
        instance_of=EventEmitterOptions, default=providers.Object(EventEmitterOptions())
    )
    event_emitter = providers.Singleton(EventEmitter2, options)
    subscribers_loader = providers.Singleton(EventSubscribersLoader, event_emitter, options)

    @staticmethod
    def for_root(
        *,
        wildcard: bool = False,
        delimiter: str = ".",
        max_running: int = 1_000,
        stop_seconds: float = 5.0,
    ) -> "providers.Container[EventEmitterModule]":
        """Return the module with these `EventEmitterOptions`."""
        options = EventEmitterOptions(wildcard, delimiter, max_running, stop_seconds)
        return providers.Container(EventEmitterModule, options=options)
