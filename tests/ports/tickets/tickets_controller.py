"""The HTTP endpoints of tickets."""

from typing import Annotated

from app.framework import (
    Body,
    HttpResponse,
    Param,
    ParseEnumPipe,
    ParseUUIDPipe,
    Query,
    Res,
    controller,
    get,
    header,
    http_code,
    patch,
    post,
    use_guards,
)
from app.framework.throttler import skip_throttle, throttle
from tests.ports.tickets.ticket import Status, Ticket
from tests.ports.tickets.ticket_dto import CreateTicketDto
from tests.ports.tickets.tickets_service import TicketsService
from tests.ports.tickets.users import CurrentUser, UserGuard

TicketId = Annotated[str, Param("ticket_id", ParseUUIDPipe(version=4))]
UserName = Annotated[str, CurrentUser()]


@controller("tickets")
@use_guards(UserGuard)
class TicketsController:
    """Opens, shows and changes tickets."""

    def __init__(self, tickets: TicketsService) -> None:
        self._tickets = tickets

    @post()
    @throttle({"default": {"limit": 2, "ttl": 60_000}})
    async def create(
        self,
        user: UserName,
        dto: Annotated[CreateTicketDto, Body()],
        response: Annotated[HttpResponse, Res()],
    ) -> Ticket:
        ticket = self._tickets.create(user, dto)
        response.set_header("Location", f"/tickets/{ticket.id}")
        return ticket

    @get("{ticket_id}")
    @skip_throttle()
    @header("Cache-Control", "no-store")
    async def show(self, user: UserName, ticket_id: TicketId) -> Ticket:
        return self._tickets.find(user, ticket_id)

    @patch("{ticket_id}")
    @http_code(200)
    async def change(
        self,
        user: UserName,
        ticket_id: TicketId,
        status: Annotated[Status, Query("status", ParseEnumPipe(Status))],
    ) -> Ticket:
        return self._tickets.change_status(user, ticket_id, status)
