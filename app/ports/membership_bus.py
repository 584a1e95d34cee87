"""Word of each change of memberships between the nodes, at once but not for certain."""

from collections.abc import Callable
from typing import Protocol, runtime_checkable

from app.domain.channel import MembershipNews


@runtime_checkable
class MembershipBus(Protocol):
    """Tells every node; whoever is cut off misses it, and reads the channel's members later."""

    def listen(self, on_changed: Callable[[MembershipNews], None]) -> None:
        """Have every change told; there is one listener.

        It is called on the event loop and must neither raise nor take long.
        """
        ...

    async def publish(self, news: MembershipNews) -> None:
        """Tell of a change that is stored: first, and whatever happens, this node.

        Raises:
            Unavailable: Other nodes, or not all of them, were told.
        """
        ...
