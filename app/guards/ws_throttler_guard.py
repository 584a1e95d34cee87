"""How many events a user may send, over all of that user's sockets on this node."""

from math import ceil

from app.framework import CanActivate, ExecutionContext, WsTooManyRequests
from app.ports import Throttle
from app.sockets.authenticated_socket import AuthenticatedSocket


class WsThrottlerGuard(CanActivate):
    """Takes one token of the user's bucket per event.

    Put it before `WsGuard`, so that the events of an expired session count, too: their refusals
    would be unlimited. An admitted socket has its user already. Connecting is free here;
    `AuthenticationService` limits it, per address.
    """

    def __init__(self, throttle: Throttle) -> None:
        self._throttle = throttle

    def can_activate(self, context: ExecutionContext) -> bool:
        """True while the bucket lasts.

        Raises:
            WsTooManyRequests: With the milliseconds until there is a token again.
        """
        if context.is_connection:
            return True
        client: AuthenticatedSocket = context.get_client()
        wait_seconds = self._throttle.take(client.user_id)
        if wait_seconds > 0:
            raise WsTooManyRequests(ceil(wait_seconds * 1000))
        return True
