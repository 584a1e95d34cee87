"""How far a message has come: per recipient, and in all."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from app.domain.ids import MessageId, UserId
from app.domain.wire import WireValue, to_iso

MAX_RECEIPTS = 100
"""How many messages one event may report; `app.config.setting_types.ReceiptBurst` repeats it."""


class DeliveryState(StrEnum):
    """The documented statuses. SENDING and FAILED belong to the sending client."""

    SENDING = "SENDING"
    SENT = "SENT"
    DELIVERED = "DELIVERED"
    READ = "READ"
    FAILED = "FAILED"

    def may_become(self, state: "DeliveryState") -> bool:
        """Whether this is a legal transition. Nothing goes back, and nothing becomes itself."""
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
    # A message that failed and that somebody has received was stored all the same.
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
    """One recipient's progress with one message, as of ``timestamp``."""

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
    """The progress of some recipients of a message, or of all.

    Attributes:
        statuses: One per recipient of this page, sorted by recipient.
        next_cursor: Asks for the page after this one; None on the last.
        counts: How many of all recipients are SENT, DELIVERED and READ; None when all recipients
            are on this page.
    """

    statuses: tuple[DeliveryStatus, ...]
    next_cursor: str | None = None
    counts: Mapping[DeliveryState, int] | None = None


@dataclass(frozen=True, slots=True)
class RefusedReceipt(WireValue):
    """Why one message of a list was not marked; the others were."""

    message_id: MessageId
    error: str
    code: str

    def to_wire(self) -> dict[str, object]:
        """``{messageId, error, code}``."""
        return {"messageId": self.message_id, "error": self.error, "code": self.code}


def overall_state(recipients: Collection[DeliveryState]) -> DeliveryState:
    """A message's own state: that of the recipient furthest behind; SENT when there is none."""
    if not recipients:
        return DeliveryState.SENT
    if all(state is DeliveryState.READ for state in recipients):
        return DeliveryState.READ
    if all(state in {DeliveryState.DELIVERED, DeliveryState.READ} for state in recipients):
        return DeliveryState.DELIVERED
    return DeliveryState.SENT
