"""The `on_event` decorator, which `EventSubscribersLoader` reads at boot."""

from collections.abc import Callable
from dataclasses import dataclass
from enum import Enum

from app.framework.background.method_decorators import MethodDecorator, add_to_method
from app.framework.common.exceptions import BootError
from app.framework.common.metadata import Decorated

ON_EVENT = MethodDecorator("on_event", "EventEmitterModule")


@dataclass(frozen=True, slots=True)
class OnEventOptions:
    """The arguments of one use of `on_event`."""

    event: str
    suppress_errors: bool


def on_event(
    event: str | Enum, *, suppress_errors: bool = True
) -> Callable[[Decorated], Decorated]:
    """Nest's ``@OnEvent``: run the method whenever the `EventEmitter2` emits this event.

    A method may have several of these decorators. The method may take fewer arguments than the
    event has.

    Args:
        event: The event's name, or an enum member whose value is the name. If
            `EventEmitterModule.for_root` has ``wildcard=True``, ``*`` stands for one part of a
            name, and ``**`` for any number of parts.
        suppress_errors: Whether `EventEmitter2.emit_async` ignores the method's errors. Errors are
            logged in any case.

    Raises:
        BootError: The name is empty or not a string.
    """
    name = event.value if isinstance(event, Enum) else event
    if not isinstance(name, str) or not name:
        raise BootError(
            f"@on_event: {name!r} is not the name of an event; give it as a string, "
            "@on_event('order.created'), and write one @on_event for each event"
        )
    options = OnEventOptions(name, suppress_errors)

    def decorate(method: Decorated) -> Decorated:
        add_to_method(ON_EVENT, options, method)
        return method

    return decorate
