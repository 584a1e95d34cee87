"""The events of tickets."""

from collections.abc import AsyncIterator
from typing import Annotated, Any

from app.framework import (
    Ack,
    AckFunction,
    BaseWsExceptionFilter,
    ConnectedSocket,
    ExecutionContext,
    HttpException,
    MessageBody,
    OnGatewayConnection,
    ParseArrayPipe,
    ParseUUIDPipe,
    Socket,
    WebSocketServer,
    WsException,
    WsResponse,
    catch,
    subscribe_message,
    use_filters,
    use_guards,
    web_socket_gateway,
)
from app.framework.event_emitter import on_event
from app.framework.throttler import throttle
from tests.ports.tickets.ticket import AGENT_PREFIX, Status, TicketEvent
from tests.ports.tickets.ticket_dto import AttachmentDto, CommentDto
from tests.ports.tickets.tickets_service import TicketsService
from tests.ports.tickets.users import CurrentUser, UserGuard, name_of

UserName = Annotated[str, CurrentUser()]


@catch(HttpException)
class HttpToWsFilter(BaseWsExceptionFilter):
    """Sends the body of an HTTP error, which a service has raised, to the client."""

    def catch(self, exception: Exception, host: ExecutionContext) -> None:
        assert isinstance(exception, HttpException)
        super().catch(WsException(exception.get_response()), host)


@web_socket_gateway(namespace="tickets", cors=True, max_attachments=1)
@use_guards(UserGuard)
@use_filters(HttpToWsFilter)
class TicketsGateway(OnGatewayConnection):
    """Publishes the changes of a ticket to the clients that follow the ticket."""

    server = WebSocketServer()

    def __init__(self, tickets: TicketsService) -> None:
        self._tickets = tickets

    async def handle_connection(self, client: Socket) -> None:
        if name_of(client).startswith(AGENT_PREFIX):
            await client.join("agents")

    @on_event("ticket.created")
    def announce(self, event: TicketEvent) -> None:
        self.server.to("agents").emit(event.name, event.ticket)

    @on_event("ticket.*")
    async def forward(self, event: TicketEvent) -> None:
        self.server.to(event.ticket.id).emit("ticket", event.name, event.data)

    @subscribe_message("follow")
    async def follow(
        self,
        client: Annotated[Socket, ConnectedSocket()],
        user: UserName,
        ticket_ids: Annotated[list[str], MessageBody(ParseArrayPipe(items=str))],
    ) -> list[str]:
        """Follow tickets. The payload is a list of ids, or a text of ids separated by commas."""
        tickets = [self._tickets.find(user, each) for each in ticket_ids]
        await client.join([each.id for each in tickets])
        return [each.subject for each in tickets]

    @subscribe_message("comment")
    @throttle({"default": {"limit": 2, "ttl": 60_000}})
    def comment(self, user: UserName, dto: Annotated[CommentDto, MessageBody()]) -> dict[str, int]:
        return {"comments": self._tickets.comment(user, dto.ticket_id, dto.text)}

    @subscribe_message("attach")
    def attach(
        self,
        client: Annotated[Socket, ConnectedSocket()],
        user: UserName,
        dto: Annotated[AttachmentDto, MessageBody()],
    ) -> int:
        ticket = self._tickets.find(user, dto.ticket_id)
        client.to(ticket.id).emit("attachment", {"name": dto.name, "content": dto.content})
        return len(dto.content)

    @subscribe_message("claim")
    def claim(
        self,
        user: UserName,
        ticket_id: Annotated[str, MessageBody("ticketId", ParseUUIDPipe)],
        ack: Annotated[AckFunction, Ack()],
    ) -> None:
        """Ack the claim before it is published to the followers of the ticket."""
        ack({"claimed": self._tickets.find(user, ticket_id).id})
        self._tickets.change_status(user, ticket_id, Status.CLAIMED)

    @subscribe_message("search")
    async def search(
        self, user: UserName, text: Annotated[str, MessageBody("text")] = ""
    ) -> AsyncIterator[WsResponse[Any]]:
        """Emit an event for each found ticket, and then their number."""
        found = self._tickets.search(user, text)
        for ticket in found:
            yield WsResponse("search.hit", ticket.subject)
        yield WsResponse("search.end", len(found))
