"""Who has received and read which message: each method is one transaction, checks included."""

from dataclasses import dataclass
from datetime import datetime
from typing import Protocol, runtime_checkable

from app.domain.delivery import DeliveryState, DeliveryStatus
from app.domain.ids import ChannelId, MessageId, UserId
from app.domain.message import Message


@dataclass(frozen=True, slots=True)
class Advance:
    """A recipient's progress after a report, whose message it is, and whether this changed it."""

    status: DeliveryStatus
    author_id: UserId
    changed: bool


@dataclass(frozen=True, slots=True)
class UndeliveredPage:
    """Undelivered messages in the order they were stored, and the position of the last one."""

    messages: tuple[Message, ...]
    positions: tuple[int, ...]
    """One per message, increasing: ask after the last one used to go on."""


@runtime_checkable
class DeliveryRepository(Protocol):
    """Every method raises `Unavailable` when the storage fails; then nothing has happened."""

    async def advance(
        self, message_id: MessageId, recipient_id: UserId, state: DeliveryState, now: datetime
    ) -> Advance:
        """Move a recipient forward to DELIVERED or READ.

        A report of what is already reached changes nothing and is answered with the standing
        status. The message's own ``delivery_status`` follows in the same transaction.

        Raises:
            MessageNotFound: Missing, or the reporter is not a member of its channel.
            NotARecipient: A member, but the author, or one who joined after it was sent.
        """
        ...

    async def statuses(
        self, message_id: MessageId, reader_id: UserId
    ) -> tuple[DeliveryStatus, ...]:
        """Every recipient's progress, sorted by recipient.

        Raises:
            MessageNotFound: Missing, or the reader is not a member of its channel.
        """
        ...

    async def undelivered_counts(self, user_id: UserId) -> dict[ChannelId, int]:
        """How many messages are SENT and no further to the user, by channel.

        Only channels the user belongs to now, and none with zero.
        """
        ...

    async def undelivered(self, user_id: UserId, after: int, limit: int) -> UndeliveredPage:
        """The first ``limit`` of them whose position is above ``after`` (0: from the start).

        Only of channels the user belongs to now.
        """
        ...
