"""The delivery state of a message, for each recipient and for all recipients together."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from app.domain.ids import MessageId, UserId
from app.domain.wire import WireValue, to_iso

MAX_RECEIPTS = 100
"""The maximum number of receipts in one event; the same number as in `setting_types.ReceiptBurst`.
"""


class DeliveryState(StrEnum):
    """The delivery states of the documented protocol.

    Only the sending client uses SENDING and FAILED.
    """

    SENDING = "SENDING"
    SENT = "SENT"
    DELIVERED = "DELIVERED"
    READ = "READ"
    FAILED = "FAILED"

    def may_become(self, state: "DeliveryState") -> bool:
        """Return whether a message in this state may change to ``state``."""
        return state in _TRANSITIONS[self]


_TRANSITIONS: dict[DeliveryState, frozenset[DeliveryState]] = {
    DeliveryState.SENDING: frozenset(
        {
            DeliveryState.SENT,
            DeliveryState.DELIVERED,
            DeliveryState.READ,
            DeliveryState.FAILED,
        }
    ),
    DeliveryState.SENT: frozenset({DeliveryState.DELIVERED, DeliveryState.READ}),
    DeliveryState.DELIVERED: frozenset({DeliveryState.READ}),
    DeliveryState.READ: frozenset(),
    # A client marks a send without an answer as FAILED. The message may have been stored anyway, so
    # FAILED may change to every other state.
    DeliveryState.FAILED: frozenset(
        {
            DeliveryState.SENDING,
            DeliveryState.SENT,
            DeliveryState.DELIVERED,
            DeliveryState.READ,
        }
    ),
}


@dataclass(frozen=True, slots=True)
class DeliveryStatus(WireValue):
    """The delivery state of a message for one recipient, and the time of the last change."""

    message_id: MessageId
    recipient_id: UserId
    status: DeliveryState
    timestamp: datetime

    def to_wire(self) -> dict[str, object]:
        """``{messageId, recipientId, status, timestamp}``."""
        return {
            "messageId": self.message_id,
            "recipientId": self.recipient_id,
            "status": self.status,
            "timestamp": to_iso(self.timestamp),
        }


@dataclass(frozen=True, slots=True)
class StatusPage:
    """A page of the recipients of a message.

    Attributes:
        statuses: The status of each recipient on this page, sorted by recipient.
        next_cursor: The cursor of the next page; None on the last page.
        counts: The number of recipients in each of the states SENT, DELIVERED and READ, over all
            pages; None if all recipients are on this page.
    """

    statuses: tuple[DeliveryStatus, ...]
    next_cursor: str | None = None
    counts: Mapping[DeliveryState, int] | None = None


@dataclass(frozen=True, slots=True)
class RefusedReceipt(WireValue):
    """A refused receipt in the answer to a list of receipts."""

    message_id: MessageId
    error: str
    code: str

    def to_wire(self) -> dict[str, object]:
        """``{messageId, error, code}``."""
        return {"messageId": self.message_id, "error": self.error, "code": self.code}


def overall_state(recipients: Collection[DeliveryState]) -> DeliveryState:
    """Return the least advanced state of a message's recipients; SENT if there are none."""
    if not recipients:
        return DeliveryState.SENT
    if all(state is DeliveryState.READ for state in recipients):
        return DeliveryState.READ
    if all(state in {DeliveryState.DELIVERED, DeliveryState.READ} for state in recipients):
        return DeliveryState.DELIVERED
    return DeliveryState.SENT
