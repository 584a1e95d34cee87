"""A revocation bus without other nodes."""

from collections.abc import Callable

from app.domain.credential import Revocation
from app.ports import RevocationBus


class SilentRevocationBus(RevocationBus):
    """Publishes nothing. Nodes that share a database without Redis poll the revocation store."""

    def listen(
        self, on_revoked: Callable[[Revocation], None], on_connected: Callable[[], None]
    ) -> None:
        """Do nothing: no revocation is ever published."""

    async def publish(self, revocation: Revocation) -> None:
        """Do nothing: no other node is subscribed."""
