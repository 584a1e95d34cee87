import pytest
import pytest_asyncio

from app.framework.schedule import Clock
from app.framework.testing import ManualClock, Test
from tests.e2e.js_client import JsClient
from tests.ports.administration.module import AppModule, configure
from tests.ports.administration.sessions import Role, SessionStore
from tests.ports.administration.visitors_gateway import VisitorsGateway
from tests.ports.conftest import Port, Serve

STAFF = {"mia": Role.MODERATOR, "root": Role.ADMIN}


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock()


@pytest.fixture
def visitors() -> list[VisitorsGateway]:
    return []


@pytest_asyncio.fixture(loop_scope="session")
async def port(serve: Serve, clock: ManualClock, visitors: list[VisitorsGateway]) -> Port:
    builder = Test.create_testing_module(AppModule).override_provider(Clock).use_value(clock)
    app = configure(builder.compile().create_nest_application())
    for name in ("ann", "bob", *STAFF):
        app.get(SessionStore).sign_in(f"session-{name}", name, STAFF.get(name, Role.VISITOR))
    visitors.append(app.get(VisitorsGateway))
    return await serve(app)


def cookie(name: str) -> dict[str, str]:
    return {"Cookie": f"sid=session-{name}"}


async def connect(port: Port, name: str, namespace: str = "") -> JsClient:
    headers = cookie(name)
    return await port.connect(name, namespace, path="/live", extraHeaders=headers)


async def test_only_people_with_a_session_connect_and_only_staff_enters_admin(port: Port) -> None:
    nobody = port.begin("eve", path="/live", extraHeaders=cookie("eve"), reconnection=False)
    assert "websocket error" == (await nobody.sees("connect_error"))["message"]

    ann = port.begin("ann", "/admin", path="/live", extraHeaders=cookie("ann"))
    assert "forbidden" == (await ann.sees("exception"))["code"]
    assert "io server disconnect" == await ann.sees("disconnect")


async def test_muted_visitor_cannot_speak_until_staff_allows_it(port: Port) -> None:
    ann, bob = await connect(port, "ann"), await connect(port, "bob")
    mia = await connect(port, "mia", "/admin")
    assert 1 == await ann.ask("say", "hello")
    assert {"who": "ann", "text": "hello"} == await bob.sees("said")
    bob.emit("typing")
    assert "bob" == await ann.sees("typing")

    assert True is await mia.ask("mute", {"name": "ann"})
    assert True is await ann.sees("muted")
    assert "muted" == (await ann.ask("say", "hello?"))["code"]
    assert False is await mia.ask("mute", {"name": "ann", "muted": "false"})
    assert 1 == await ann.ask("say", "thanks")


async def test_invalid_payloads_of_staff_have_the_sites_own_errors(port: Port) -> None:
    mia = await connect(port, "mia", "/admin")

    assert {"type": "validation", "fields": ["name", "reason"]} == await mia.ask(
        "mute", {"name": "", "reason": "rude"}
    )
    assert "nobody_there" == (await mia.ask("mute", {"name": "bob"}))["code"]


async def test_only_administrators_kick_and_all_sockets_of_the_visitor_go(
    port: Port, visitors: list[VisitorsGateway]
) -> None:
    laptop, phone = await connect(port, "ann"), await connect(port, "ann")
    mia, root = await connect(port, "mia", "/admin"), await connect(port, "root", "/admin")

    assert "forbidden" == (await mia.ask("kick", {"name": "ann"}))["code"]
    assert 2 == await root.ask("kick", {"name": "ann"})

    assert "ann" == await mia.sees("kicked")
    for client in (laptop, phone):
        assert "io server disconnect" == await client.sees("disconnect")
    assert ["ann: server namespace disconnect"] * 2 == visitors[0].departures


async def test_staff_sees_the_numbers_of_visitors_each_minute(
    port: Port, clock: ManualClock
) -> None:
    await connect(port, "ann")
    mia = await connect(port, "mia", "/admin")
    await connect(port, "bob")

    await clock.advance(60)

    assert {
        "connections": 3,
        "visitors": 2,
        "rooms": {"visitors": 2, "visitor:ann": 1, "visitor:bob": 1},
    } == await mia.sees("stats")


async def test_scripts_announce_remove_and_read_the_audit(port: Port) -> None:
    ann, bob = await connect(port, "ann"), await connect(port, "bob")
    admin = cookie("root")
    http = port.http

    refused = await http.post("/admin/announcements", json={"text": "hi"}, headers=cookie("mia"))
    sent = await http.post(
        "/admin/announcements",
        json={"text": "tea is ready", "rooms": ["visitor:ann"], "loud": True},
        headers=admin,
    )
    removed = await http.delete("/admin/visitors/ann", headers=admin)
    assert "tea is ready" == await ann.sees("announcement")
    assert "io server disconnect" == await ann.sees("disconnect")
    again = await http.delete("/admin/visitors/ann", headers=admin)
    names = await http.get("/admin/visitors", headers=cookie("mia"))
    audit = await http.get("/admin/audit?limit=3", headers=admin)

    assert (403, 202, 204, 404) == (refused.status, sent.status, removed.status, again.status)
    assert "ann is not here" == (await again.json())["message"]
    assert ["bob"] == await names.json()
    assert ["root remove", "root remove: NobodyThere", "mia list_visitors"] == await audit.json()
    assert "announcement" not in bob.events


async def test_nobody_connects_during_maintenance(port: Port) -> None:
    bob = await connect(port, "bob")
    closed = await port.http.put("/admin/maintenance?closed=true", headers=cookie("root"))
    assert {"closed": True} == await closed.json()

    ann = port.begin("ann", path="/live", extraHeaders=cookie("ann"))

    error = await ann.sees("connect_error")
    assert ("closed for maintenance, ann", {"code": "maintenance"}) == (
        error["message"],
        error["data"],
    )
    assert 0 == await bob.ask("say", "anybody?")
