"""How many events a user may send, over all of that user's sockets on this node."""

from math import ceil

from app.framework import CanActivate, ExecutionContext, Reflector, WsTooManyRequests
from app.guards.receipt_limit import LIMITED_AS_RECEIPTS, receipts_in
from app.ports import Throttle
from app.sockets.authenticated_socket import AuthenticatedSocket

EVENT_WEIGHT = "event_weight"


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
        self._reflector = Reflector()

    def can_activate(self, context: ExecutionContext) -> bool:
        """True while the event's bucket lasts.

        Raises:
            WsTooManyRequests: With the milliseconds until there are enough tokens.
        """
        if context.is_connection:
            return True
        client: AuthenticatedSocket = context.get_client()
        handler = context.get_handler()
        if self._reflector.get(LIMITED_AS_RECEIPTS, handler):
            wait_seconds = self._receipts.take(client.user_id, receipts_in(context.get_data()))
        else:
            weight = self._reflector.get(EVENT_WEIGHT, handler) or 1
            wait_seconds = self._events.take(client.user_id, weight)
        if wait_seconds > 0:
            raise WsTooManyRequests(ceil(wait_seconds * 1000))
        return True
