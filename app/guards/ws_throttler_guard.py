"""How many events a user may send, over all of that user's sockets on this node."""

from collections.abc import Callable
from functools import lru_cache
from math import ceil
from typing import Any

from app.framework import CanActivate, ExecutionContext, Reflector, WsTooManyRequests
from app.guards.receipt_limit import LIMITED_AS_RECEIPTS, receipts_in
from app.ports import Throttle
from app.sockets.authenticated_socket import AuthenticatedSocket

EVENT_WEIGHT = "event_weight"

_RECEIPTS = 0
"""Stands for the weight of an event that is counted by its messages."""

_reflector = Reflector()


class WsThrottlerGuard(CanActivate):
    """Takes one token of the user's bucket per event, or as many as its `event_weight` says.

    Put it before `WsGuard`, so that the events of an expired session count, too: their refusals
    would be unlimited. An admitted socket has its user already.

    Receipts have a bucket of their own, with a token per message: who comes back to many messages
    can report them and still write. Connecting is free here; `AuthenticationService` limits it, per
    address.
    """

    def __init__(self, events: Throttle, receipts: Throttle) -> None:
        self._events = events
        self._receipts = receipts

    def can_activate(self, context: ExecutionContext) -> bool:
        """True while the event's bucket lasts.

        Raises:
            WsTooManyRequests: With the milliseconds until there are enough tokens.
        """
        if context.is_connection:
            return True
        client: AuthenticatedSocket = context.get_client()
        weight = _weight_of(context.get_handler())
        if weight == _RECEIPTS:
            wait_seconds = self._receipts.take(client.user_id, receipts_in(context.get_data()))
        else:
            wait_seconds = self._events.take(client.user_id, weight)
        if wait_seconds > 0:
            raise WsTooManyRequests(ceil(wait_seconds * 1000))
        return True


# The marks of a handler never change, and reading both takes half as long as the whole guard.
@lru_cache(maxsize=1_024)
def _weight_of(handler: Callable[..., Any]) -> int:
    if _reflector.get(LIMITED_AS_RECEIPTS, handler):
        return _RECEIPTS
    weight: int = _reflector.get(EVENT_WEIGHT, handler) or 1
    return weight
