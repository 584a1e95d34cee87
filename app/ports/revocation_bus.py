"""Word of each revocation between the nodes, at once but not for certain."""

from collections.abc import Callable
from typing import Protocol, runtime_checkable

from app.domain.credential import Revocation


@runtime_checkable
class RevocationBus(Protocol):
    """Tells every node; whoever is cut off misses it, and asks `RevocationStore.missed` later."""

    def listen(
        self, on_revoked: Callable[[Revocation], None], on_connected: Callable[[], None]
    ) -> None:
        """Have every revocation told, from the module's start until its end.

        ``on_connected`` is called whenever the node hears again what it may have missed. Both are
        called on the event loop and must neither raise nor take long. A node may hear its own.
        """
        ...

    async def publish(self, revocation: Revocation) -> None:
        """Tell the nodes that listen now.

        Raises:
            Unavailable: Nobody, or not everybody, was told.
        """
        ...
