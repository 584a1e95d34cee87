"""How many events a user may send, over all of that user's sockets on this node."""

from math import ceil

from app.framework import CanActivate, ExecutionContext, Reflector, WsTooManyRequests
from app.ports import Throttle
from app.sockets.authenticated_socket import AuthenticatedSocket

EVENT_WEIGHT = "event_weight"


class WsThrottlerGuard(CanActivate):
    """Takes one token of the user's bucket per event, or as many as its `event_weight` says.

    Stands after `WsGuard`: it needs the user.

    Connecting is free here; `AuthenticationService` limits it, per address.
    """

    def __init__(self, throttle: Throttle) -> None:
        self._throttle = throttle
        self._reflector = Reflector()

    def can_activate(self, context: ExecutionContext) -> bool:
        """True while the bucket lasts.

        Raises:
            WsTooManyRequests: With the milliseconds until there are enough tokens.
        """
        if context.is_connection:
            return True
        client: AuthenticatedSocket = context.get_client()
        weight = self._reflector.get(EVENT_WEIGHT, context.get_handler()) or 1
        wait_seconds = self._throttle.take(client.user_id, weight)
        if wait_seconds > 0:
            raise WsTooManyRequests(ceil(wait_seconds * 1000))
        return True
