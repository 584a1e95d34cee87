"""A channel where there is nobody else to tell."""

from collections.abc import Callable

from app.domain.credential import Revocation
from app.ports import RevocationBus


class SilentRevocationBus(RevocationBus):
    """For one node, or for nodes that share a database and no Redis: they ask the store."""

    def listen(
        self, on_revoked: Callable[[Revocation], None], on_connected: Callable[[], None]
    ) -> None:
        """There will be nothing to hear."""

    async def publish(self, revocation: Revocation) -> None:
        """There is nobody to tell."""
