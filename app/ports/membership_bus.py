"""Publishes changes of memberships to all nodes, at once but without a guarantee."""

from collections.abc import Callable
from typing import Protocol, runtime_checkable

from app.domain.channel import MembershipNews


@runtime_checkable
class MembershipBus(Protocol):
    """Publishes to every node. A node that misses a change reads the channel's members later."""

    def listen(self, on_changed: Callable[[MembershipNews], None]) -> None:
        """Call ``on_changed`` for every change. There is only one listener.

        It is called on the event loop and must neither raise nor block.
        """
        ...

    async def publish(self, news: MembershipNews) -> None:
        """Publish a stored change. This node receives it first, even if publishing fails.

        Raises:
            Unavailable: Some or all of the other nodes were not reached.
        """
        ...
