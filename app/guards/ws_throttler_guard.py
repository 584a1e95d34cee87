"""Rate-limits events per user, over all of the user's sockets."""

from collections.abc import Callable
from operator import attrgetter
from typing import Any, NoReturn, TypeVar

from app.domain.delivery import MAX_RECEIPTS
from app.framework import ExecutionContext, Reflector, WsTooManyRequests, set_metadata
from app.framework.throttler import BaseThrottlerGuard, HandlerLimit
from app.ports import Throttle

EVENT_WEIGHT = "event_weight"
LIMITED_AS_RECEIPTS = "limited_as_receipts"

Decorated = TypeVar("Decorated", bound=Callable[..., Any])

_reflector = Reflector()


def limited_as_receipts() -> Callable[[Decorated], Decorated]:
    """Count the handler's events in the bucket of receipts: one token per message listed."""
    return set_metadata(LIMITED_AS_RECEIPTS, value=True)


class WsThrottlerGuard(BaseThrottlerGuard):
    """Takes one token per event from the user's bucket, or as many as the event's `event_weight`.

    Put this guard before `WsGuard`, so that it also limits the events that `WsGuard` rejects, such
    as the events of expired sessions.

    Receipts take tokens from a separate bucket, one per message, so that a user can acknowledge
    many missed messages and still send messages. Connecting takes no token here:
    `AuthenticationService` limits connection attempts per address.
    """

    def __init__(self, events: Throttle, receipts: Throttle) -> None:
        super().__init__(attrgetter("user_id"))
        self._event_limit = events
        self._receipt_limit = receipts

    def limits_of(self, cls: type, handler: Callable[..., Any]) -> tuple[HandlerLimit, ...]:
        """Return the receipt limit if the handler is `limited_as_receipts`, or the event limit."""
        del cls
        if _reflector.get(LIMITED_AS_RECEIPTS, handler):
            return (HandlerLimit(self._receipt_limit.take, cost_of=_receipts_in),)
        weight: int = _reflector.get(EVENT_WEIGHT, handler) or 1
        return (HandlerLimit(self._event_limit.take, cost=weight),)

    def throw_throttling_exception(
        self, context: ExecutionContext, retry_after_ms: int
    ) -> NoReturn:
        """Raise `WsTooManyRequests`, which pauses the client's events."""
        del context
        raise WsTooManyRequests(retry_after_ms)


def _receipts_in(data: object) -> int:
    """Count the messages in a payload that is not validated yet: 1 to `MAX_RECEIPTS`.

    A longer list costs as much as the longest valid list; validation then rejects the payload.
    """
    listed = data.get("messageIds") if isinstance(data, dict) else None
    return min(max(1, len(listed)), MAX_RECEIPTS) if isinstance(listed, list) else 1
