from typing import Any

import pytest
import pytest_asyncio

from app.framework import NestApplication
from app.framework.schedule import Clock
from app.framework.testing import ManualClock, Test
from tests.ports.conftest import Port, Serve
from tests.ports.tickets.database import MemoryRepository, TicketRepository
from tests.ports.tickets.module import AppModule

PNG = {"type": "Buffer", "data": [137, 80, 78, 71]}
"""Four bytes, in the JSON form in which the Node driver sends and reports binary data."""


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock()


@pytest.fixture
def app(clock: ManualClock) -> NestApplication:
    builder = Test.create_testing_module(AppModule).override_provider(Clock).use_value(clock)
    return builder.compile().create_nest_application()


@pytest_asyncio.fixture(loop_scope="session")
async def port(serve: Serve, app: NestApplication) -> Port:
    return await serve(app)


async def open_ticket(port: Port, customer: str = "ann", **ticket: Any) -> str:
    body = {"subject": "printer on fire", **ticket}
    response = await port.http.post("/tickets", json=body, headers={"X-User": customer})
    assert 201 == response.status
    ticket_id: str = (await response.json())["id"]
    assert f"/tickets/{ticket_id}" == response.headers["Location"]
    return ticket_id


async def test_agents_hear_of_a_new_ticket_and_customers_of_answers(port: Port) -> None:
    ann, agent = await port.connect("ann", "/tickets"), await port.connect("agent-7", "/tickets")

    ticket_id = await open_ticket(port, budget="12.50", tags=[{"label": "fire", "colour": "red"}])
    created = await agent.sees("ticket.created")
    assert ["printer on fire"] == await ann.ask("follow", ticket_id)
    assert {"claimed": ticket_id} == await agent.ask("claim", {"ticketId": ticket_id})
    claimed = await ann.sees("ticket")
    assert {"comments": 1} == await agent.ask("comment", {"ticketId": ticket_id, "text": "Run!"})

    assert ("12.50", ["fire"], "open", "2026-02-01T09:30:00.000Z") == (
        created["budget"],
        created["tags"],
        created["status"],
        created["due"],
    )
    await ann.sees("ticket")
    assert "ticket.claimed" == claimed
    assert ["ticket.commented", {"by": "agent-7", "text": "Run!"}] == ann.log[-1].args
    assert "ticket.created" not in ann.events


async def test_attachments_arrive_as_bytes(port: Port) -> None:
    ann, agent = await port.connect("ann", "/tickets"), await port.connect("agent-7", "/tickets")
    ticket_id = await open_ticket(port)
    await agent.ask("follow", [ticket_id])

    payload = {"ticketId": ticket_id, "name": "fire.png", "content": PNG}
    assert 4 == await ann.ask("attach", payload)

    assert {"name": "fire.png", "content": PNG} == await agent.sees("attachment")


async def test_errors_of_services_have_the_same_body_live_and_by_http(port: Port) -> None:
    ticket_id = await open_ticket(port)
    bob = await port.connect("bob", "/tickets")
    path, headers = f"/tickets/{ticket_id}", {"X-User": "bob"}

    live = await bob.ask("comment", {"ticketId": ticket_id, "text": "me too"})
    by_http = await port.http.get(path, headers=headers)
    shown = await port.http.get(path, headers={"X-User": "ann"})
    anonymous = await port.http.get(path)
    no_id = await port.http.get("/tickets/1", headers=headers)
    no_status = await port.http.patch(f"{path}?status=lost", headers=headers)

    not_found = {"message": "There is no such ticket.", "error": "Not Found", "statusCode": 404}
    assert [not_found] * 2 == [live, await by_http.json()]
    assert ("no-store", 200) == (shown.headers["Cache-Control"], shown.status)
    assert (403, 400, 400) == (anonymous.status, no_id.status, no_status.status)
    assert "Validation failed (uuid v 4 is expected)" == (await no_id.json())["message"]


async def test_closed_ticket_takes_no_comments(port: Port) -> None:
    ticket_id = await open_ticket(port)
    ann = await port.connect("ann", "/tickets")

    await port.http.patch(f"/tickets/{ticket_id}?status=closed", headers={"X-User": "agent-7"})

    refused = await ann.ask("comment", {"ticketId": ticket_id, "text": "wait"})
    assert (409, "The ticket is closed.") == (refused["statusCode"], refused["message"])


async def test_each_user_may_open_and_comment_only_so_often(port: Port, clock: ManualClock) -> None:
    ticket_id = await open_ticket(port)
    await open_ticket(port)
    ann = await port.connect("ann", "/tickets")
    comment = {"ticketId": ticket_id, "text": "hello?"}
    assert {"comments": 2} == [await ann.ask("comment", comment) for _ in range(2)][-1]

    third = await ann.ask("comment", comment)
    ticket = await port.http.post("/tickets", json={"subject": "more"}, headers={"X-User": "ann"})

    assert ("rate_limited", 60_000) == (third["code"], third["retryAfterMs"])
    assert (429, "60") == (ticket.status, ticket.headers["Retry-After"])
    await open_ticket(port, "bob")
    await clock.advance(60)
    assert {"comments": 3} == await ann.ask("comment", comment)


async def test_urgent_ticket_that_nobody_claims_is_escalated_once(
    port: Port, clock: ManualClock
) -> None:
    agent = await port.connect("agent-7", "/tickets")
    urgent, normal = await open_ticket(port, priority="high"), await open_ticket(port)
    await agent.ask("follow", f"{urgent},{normal}")

    await clock.advance(2 * 60 * 60)

    assert "ticket.escalated" == await agent.sees("ticket")
    assert ["ticket.escalated", "2026-01-31T10:30:00.000Z"] == agent.log[-1].args
    await agent.ask("follow", [])
    assert 1 == agent.events.count("ticket")


async def test_search_streams_the_tickets_that_the_user_may_see(
    port: Port, app: NestApplication
) -> None:
    await open_ticket(port, "ann", subject="ink empty")
    await open_ticket(port, "bob", subject="ink blue")
    ann, agent = await port.connect("ann", "/tickets"), await port.connect("agent-7", "/tickets")

    ann.emit("search", {"text": "ink"})
    agent.emit("search")

    assert 1 == await ann.sees("search.end")
    assert "ink empty" == await ann.sees("search.hit")
    assert 2 == await agent.sees("search.end")
    repository = app.get(TicketRepository)  # type: ignore[type-abstract]
    assert isinstance(repository, MemoryRepository)
    await app.close()
    assert ("memory:", True) == (repository.url, repository.is_closed)
