"""A fake of `Nodes` that has no other nodes."""

import asyncio

from app.domain.errors import Unavailable
from app.domain.ids import ChannelId
from app.ports import NodeListener, Nodes


class RecordingNodes(Nodes):
    """Records what this node announces.

    Attributes:
        announced: The channels of `announce_messages`, and None for each `announce_losses`.
        digests: The arguments of `announce_members`.
        may_confirm: `confirm_subscriptions` waits until this is set. It is set at first.
    """

    is_clustered = True
    is_connected = True

    def __init__(self) -> None:
        self.announced: list[ChannelId | None] = []
        self.digests: list[tuple[ChannelId, int]] = []
        self.may_confirm = asyncio.Event()
        self.may_confirm.set()

    def watch(self, listener: NodeListener) -> None:
        self.listener = listener

    async def confirm_subscriptions(self) -> None:
        await self.may_confirm.wait()
        if not self.is_connected:
            raise Unavailable

    def announce_messages(self, channel_id: ChannelId) -> None:
        self.announced.append(channel_id)

    def announce_members(self, channel_id: ChannelId, digest: int) -> None:
        self.digests.append((channel_id, digest))

    def announce_losses(self) -> None:
        self.announced.append(None)
