"""The operations on tickets, which the controller and the gateway share."""

from uuid import uuid4

from app.framework import ConflictException, NotFoundException
from app.framework.event_emitter import EventEmitter2
from app.framework.schedule import Clock
from tests.ports.tickets.database import TicketRepository
from tests.ports.tickets.escalation import EscalationService
from tests.ports.tickets.history import History
from tests.ports.tickets.ticket import Status, Ticket, TicketEvent
from tests.ports.tickets.ticket_dto import CreateTicketDto


class TicketsService:
    """Changes tickets, and emits an event for each change."""

    def __init__(
        self,
        repository: TicketRepository,
        emitter: EventEmitter2,
        escalation: EscalationService,
        clock: Clock,
        history: History,
    ) -> None:
        self._repository = repository
        self._emitter = emitter
        self._escalation = escalation
        self._clock = clock
        self._history = history

    def create(self, customer: str, dto: CreateTicketDto) -> Ticket:
        tags = {each.label for each in dto.tags}
        ticket = Ticket(
            str(uuid4()), customer, dto.subject, dto.priority, self._clock.now(), dto.budget, tags
        )
        self._escalation.set_due(ticket)
        self._repository.save(ticket)
        self._emit("ticket.created", ticket, ticket)
        return ticket

    def find(self, user: str, ticket_id: str) -> Ticket:
        """Return a ticket; raise `NotFoundException` if the user may not see the ticket."""
        ticket = self._repository.find(ticket_id)
        if ticket is None or not ticket.is_visible_to(user):
            raise NotFoundException("There is no such ticket.")
        return ticket

    def search(self, user: str, text: str) -> list[Ticket]:
        visible = [each for each in self._repository.all() if each.is_visible_to(user)]
        return [each for each in visible if text in each.subject]

    def comment(self, user: str, ticket_id: str, text: str) -> int:
        ticket = self.find(user, ticket_id)
        if ticket.status is Status.CLOSED:
            raise ConflictException("The ticket is closed.")
        ticket.comments.append(text)
        self._emit("ticket.commented", ticket, {"by": user, "text": text})
        return len(ticket.comments)

    def change_status(self, user: str, ticket_id: str, status: Status) -> Ticket:
        ticket = self.find(user, ticket_id)
        ticket.status = status
        self._emit(f"ticket.{status}", ticket, {"by": user})
        return ticket

    def _emit(self, name: str, ticket: Ticket, data: object) -> None:
        self._history.add(name)
        self._emitter.emit(name, TicketEvent(name, ticket, data))
