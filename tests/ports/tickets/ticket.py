"""Tickets and their events."""

from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from enum import StrEnum

AGENT_PREFIX = "agent-"


class Status(StrEnum):
    """The states of a ticket."""

    OPEN = "open"
    CLAIMED = "claimed"
    CLOSED = "closed"


class Priority(StrEnum):
    """How urgent a ticket is."""

    LOW = "low"
    HIGH = "high"


@dataclass
class Ticket:
    """A ticket, as clients receive it."""

    id: str
    customer: str
    subject: str
    priority: Priority
    due: datetime
    budget: Decimal
    tags: set[str] = field(default_factory=set)
    status: Status = Status.OPEN
    comments: list[str] = field(default_factory=list)

    def is_visible_to(self, user: str) -> bool:
        return user == self.customer or user.startswith(AGENT_PREFIX)


@dataclass(frozen=True)
class TicketEvent:
    """A change of a ticket."""

    name: str
    ticket: Ticket
    data: object
