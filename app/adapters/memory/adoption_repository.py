"""Implements the adoption of messages for the storage in memory."""

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime

from app.domain.ids import ChannelId, MessageId
from app.ports import AdoptionRepository


class MemoryAdoptionRepository(AdoptionRepository):
    """Never finds a message to adopt: the original backend cannot write to this memory."""

    async def find_unsequenced(
        self,
        limit: int,
        now: datetime,
        except_messages: Collection[MessageId] = (),
        except_channels: Collection[ChannelId] = (),
    ) -> Mapping[ChannelId, Sequence[MessageId]]:
        """Return an empty mapping."""
        del limit, now, except_messages, except_channels
        return {}

    async def adopt(self, message_ids: Sequence[MessageId]) -> int:
        """Return 0: every message in memory already has a ``seq``."""
        del message_ids
        return 0
