"""The `event_weight` decorator: sets how many tokens of the rate limit an event takes."""

from collections.abc import Callable, Iterable

from app.framework import BootError, EventRoute, Reflector, set_metadata
from app.guards.ws_throttler_guard import (
    EVENT_WEIGHT,
    LIMITED_AS_RECEIPTS,
    Decorated,
    WsThrottlerGuard,
)


def event_weight(weight: int) -> Callable[[Decorated], Decorated]:
    """Make `WsThrottlerGuard` count the handler's event as ``weight`` events.

    Use this decorator for events that cost much more than a message. A weight above
    ``RATE_LIMIT_BURST`` takes the whole burst.

    Raises:
        BootError: The weight is not a whole number of at least 1, or the decorator is applied to a
            class.
    """
    if type(weight) is not int or weight < 1:
        raise BootError(f"@event_weight({weight!r}): a weight is a whole number of at least 1")

    def decorate(handler: Decorated) -> Decorated:
        if isinstance(handler, type):
            raise BootError(
                f"{handler.__name__}: @event_weight belongs on a handler; move it to the methods"
            )
        return set_metadata(EVENT_WEIGHT, weight)(handler)

    return decorate


def check_event_weights(routes: Iterable[EventRoute]) -> None:
    """Raise `BootError` if an `event_weight` has no effect.

    The decorator has no effect without a `WsThrottlerGuard`, or with `limited_as_receipts`.
    """
    reflector = Reflector()
    for route in routes:
        if reflector.get(EVENT_WEIGHT, route.handler) is None:
            continue
        if not any(isinstance(guard, WsThrottlerGuard) for guard in route.enhancers.guards):
            raise BootError(
                f"{route.handler_name}: @event_weight has no effect without WsThrottlerGuard; "
                "add it to @use_guards"
            )
        if reflector.get(LIMITED_AS_RECEIPTS, route.handler):
            raise BootError(
                f"{route.handler_name}: @event_weight has no effect on receipts; "
                "remove it, or @limited_as_receipts"
            )
