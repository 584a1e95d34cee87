"""Publishes changes of memberships to the nodes: immediately, but not reliably."""

from collections.abc import Callable
from typing import Protocol, runtime_checkable

from app.domain.channel import MembershipUpdate


@runtime_checkable
class MembershipBus(Protocol):
    """Publishes to this node, and to other nodes where the implementation reaches them.

    A node that misses an update notices the change when it reloads the channel's members.
    """

    def listen(self, on_changed: Callable[[MembershipUpdate], None]) -> None:
        """Set the listener, which receives every update. There is one listener.

        It is called on the event loop and must neither raise nor take long.
        """
        ...

    async def publish(self, update: MembershipUpdate) -> None:
        """Publish a stored change. This node receives it first, even if this raises.

        Raises:
            Unavailable: Some or all of the other nodes did not receive the update.
        """
        ...
