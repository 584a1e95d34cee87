"""Sets the time at which a ticket is due, and reports overdue tickets."""

from datetime import timedelta

from app.framework import ModuleRef
from app.framework.event_emitter import EventEmitter2
from app.framework.schedule import Clock, interval
from tests.ports.tickets.database import TicketRepository
from tests.ports.tickets.ticket import Priority, Status, Ticket, TicketEvent


class LowPolicy:
    """Requires an answer within a day."""

    time = timedelta(days=1)


class HighPolicy:
    """Requires an answer within an hour."""

    time = timedelta(hours=1)


POLICIES: dict[Priority, type[LowPolicy | HighPolicy]] = {
    Priority.LOW: LowPolicy,
    Priority.HIGH: HighPolicy,
}


class EscalationService:
    """Searches for overdue tickets each minute, and emits an event for each of them once."""

    def __init__(
        self,
        repository: TicketRepository,
        emitter: EventEmitter2,
        clock: Clock,
        module_ref: ModuleRef,
    ) -> None:
        self._repository = repository
        self._emitter = emitter
        self._clock = clock
        self._module_ref = module_ref
        self._escalated: set[str] = set()

    def set_due(self, ticket: Ticket) -> None:
        policy = self._module_ref.get(POLICIES[ticket.priority])
        ticket.due = self._clock.now() + policy.time

    @interval(60_000, name="escalation")
    async def escalate(self) -> None:
        for ticket in self._repository.all():
            is_late = ticket.status is Status.OPEN and ticket.due <= self._clock.now()
            if is_late and ticket.id not in self._escalated:
                self._escalated.add(ticket.id)
                event = TicketEvent("ticket.escalated", ticket, ticket.due)
                await self._emitter.emit_async(event.name, event)
