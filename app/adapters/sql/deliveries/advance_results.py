"""The results of a batch of receipts."""

from dataclasses import dataclass
from datetime import datetime
from enum import Enum, auto
from typing import TypeAlias

from app.adapters.sql.skipped_items import Skipped
from app.domain.delivery import DeliveryState
from app.domain.ids import MessageId, UserId

Pair: TypeAlias = tuple[MessageId, UserId]
"""The message of a report, and the user who reports it."""


class NoDelivery(Enum):
    """The reason why a report about a message is not stored."""

    NOT_FOUND = auto()
    """There is no such message, or the reporter is not a member of its channel."""
    NOT_ADOPTED = auto()
    """The original backend has stored the message, but this server has not adopted it yet."""
    NOT_A_RECIPIENT = auto()


@dataclass(frozen=True, slots=True)
class Delivery:
    """The state of a delivery before the batch.

    Attributes:
        updated_at: The time at which ``state`` was reached; None for SENT.
    """

    state: DeliveryState
    updated_at: datetime | None
    author_id: UserId
    author_is_member: bool


AdvanceResult: TypeAlias = Delivery | NoDelivery | Skipped
