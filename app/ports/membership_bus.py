"""Publishes changes of memberships to all nodes immediately, without a guarantee of delivery."""

from collections.abc import Callable
from typing import Protocol, runtime_checkable

from app.domain.channel import MembershipUpdate


@runtime_checkable
class MembershipBus(Protocol):
    """Publishes to this node, and to other nodes if the implementation supports them.

    A node that misses an update applies the change when it reloads the channel's members.
    """

    def listen(self, on_changed: Callable[[MembershipUpdate], None]) -> None:
        """Set the only listener, which receives every update.

        The listener is called on the event loop, and must neither raise nor take long.
        """
        ...

    async def publish(self, update: MembershipUpdate) -> None:
        """Publish a stored change.

        The change is applied on this node first, even if publishing to other nodes raises.

        Raises:
            Unavailable: Some or all of the other nodes did not receive the update.
        """
        ...
