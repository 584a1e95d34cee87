"""Publishes revocations to all nodes immediately, without a guarantee of delivery."""

from collections.abc import Callable
from typing import Protocol, runtime_checkable

from app.domain.credential import Revocation


@runtime_checkable
class RevocationBus(Protocol):
    """Publishes to every node. A disconnected node reads `RevocationStore.missed` later."""

    def listen(
        self, on_revoked: Callable[[Revocation], None], on_connected: Callable[[], None]
    ) -> None:
        """Call ``on_revoked`` for every revocation while the application runs.

        ``on_connected`` is called whenever a subscription begins: earlier revocations may have been
        missed. Both callbacks run on the event loop, and must neither raise nor block. A node may
        receive the revocations that it publishes itself.
        """
        ...

    async def publish(self, revocation: Revocation) -> None:
        """Publish to the nodes that are subscribed now.

        Raises:
            Unavailable: Some or all nodes were not reached.
        """
        ...
