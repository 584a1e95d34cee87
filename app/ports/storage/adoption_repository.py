"""The adoption of messages that the original backend stores in the same database."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Protocol, runtime_checkable

from app.domain.ids import ChannelId, MessageId


@runtime_checkable
class AdoptionRepository(Protocol):
    """Finds messages without a ``seq``, and gives them one.

    Each method is one transaction. Every method raises `Unavailable` when the storage fails; then
    nothing has happened, unless the error is `Unconfirmed`: then a commit was interrupted.
    """

    async def find_unsequenced(
        self, limit: int, now: datetime
    ) -> Mapping[ChannelId, Sequence[MessageId]]:
        """Return the messages of the original backend that have no ``seq`` yet, by channel.

        Returns at most ``limit`` messages in all, the oldest first.
        """
        ...

    async def adopt(self, message_ids: Sequence[MessageId], now: datetime) -> None:
        """Give a ``seq`` to those of these messages that have none, in the order of their dates.

        Each message gets a SENT delivery for every other member who had joined when it was sent. A
        member with a read receipt for it gets a READ delivery.
        """
        ...
