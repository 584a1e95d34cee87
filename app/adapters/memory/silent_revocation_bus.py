"""Implements the revocation bus for a single node."""

from collections.abc import Callable

from app.domain.credential import Revocation
from app.ports import RevocationBus


class SilentRevocationBus(RevocationBus):
    """Publishes nothing: without Redis, other processes poll the revocation store instead."""

    def listen(
        self, on_revoked: Callable[[Revocation], None], on_connected: Callable[[], None]
    ) -> None:
        """Do nothing, because no revocation is ever published."""

    async def publish(self, revocation: Revocation) -> None:
        """Do nothing, because no other node subscribes."""
