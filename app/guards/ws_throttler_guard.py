"""Rate-limits events per user, over all of the user's sockets on this node."""

from collections.abc import Callable
from functools import lru_cache
from math import ceil
from typing import Any, TypeVar

from app.domain.delivery import MAX_RECEIPTS
from app.framework import (
    CanActivate,
    ExecutionContext,
    Reflector,
    WsTooManyRequests,
    set_metadata,
)
from app.ports import Throttle
from app.sockets.authenticated_socket import AuthenticatedSocket

EVENT_WEIGHT = "event_weight"
LIMITED_AS_RECEIPTS = "limited_as_receipts"

Decorated = TypeVar("Decorated", bound=Callable[..., Any])

_RECEIPTS = 0
"""Marks receipts, which take one token per message from a separate bucket."""

_reflector = Reflector()


def limited_as_receipts() -> Callable[[Decorated], Decorated]:
    """Count the handler's events in the bucket of receipts: one token per message listed."""
    return set_metadata(LIMITED_AS_RECEIPTS, value=True)


class WsThrottlerGuard(CanActivate):
    """Takes one token per event from the user's bucket, or as many as the event's `event_weight`.

    Put this guard before `WsGuard`, so that it also limits the events that `WsGuard` rejects, such
    as the events of expired sessions.

    Receipts take tokens from a separate bucket, one per message, so that a user can acknowledge
    many missed messages and still send messages. Connecting takes no token here:
    `AuthenticationService` limits connection attempts per address.
    """

    def __init__(self, events: Throttle, receipts: Throttle) -> None:
        self._event_limit = events
        self._receipt_limit = receipts

    def can_activate(self, context: ExecutionContext) -> bool:
        """Return True, or raise `WsTooManyRequests` with the milliseconds to wait for tokens."""
        if context.is_connection:
            return True
        client: AuthenticatedSocket = context.get_client()
        weight = _weight_of(context.get_handler())
        if weight == _RECEIPTS:
            wait_seconds = self._receipt_limit.take(
                client.user_id, _receipts_in(context.get_data())
            )
        else:
            wait_seconds = self._event_limit.take(client.user_id, weight)
        if wait_seconds > 0:
            raise WsTooManyRequests(ceil(wait_seconds * 1000))
        return True


# Cache the weight: reading a handler's metadata takes half as long as the whole guard.
@lru_cache(maxsize=1_024)
def _weight_of(handler: Callable[..., Any]) -> int:
    if _reflector.get(LIMITED_AS_RECEIPTS, handler):
        return _RECEIPTS
    weight: int = _reflector.get(EVENT_WEIGHT, handler) or 1
    return weight


def _receipts_in(data: object) -> int:
    """Count the messages in a payload that is not validated yet: 1 to `MAX_RECEIPTS`.

    A longer list costs as much as the longest valid one; validation rejects it later.
    """
    listed = data.get("messageIds") if isinstance(data, dict) else None
    return min(max(1, len(listed)), MAX_RECEIPTS) if isinstance(listed, list) else 1
