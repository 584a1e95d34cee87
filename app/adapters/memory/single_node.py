"""The `Nodes` of a process without other nodes."""

from app.domain.ids import ChannelId
from app.ports import NodeListener, Nodes


class SingleNode(Nodes):
    """Has no other nodes, so nothing is received or announced."""

    @property
    def is_clustered(self) -> bool:
        return False

    @property
    def is_connected(self) -> bool:
        return True

    def watch(self, listener: NodeListener) -> None:
        pass

    async def confirm_subscriptions(self) -> None:
        pass

    def announce_messages(self, channel_id: ChannelId) -> None:
        pass

    def announce_members(self, channel_id: ChannelId, digest: int) -> None:
        pass

    def announce_losses(self) -> None:
        pass
