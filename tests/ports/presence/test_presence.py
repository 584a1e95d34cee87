import signal
from datetime import datetime

import pytest
import pytest_asyncio

from app.framework import IoOptions, NestApplication
from app.framework.schedule import Clock
from app.framework.testing import ManualClock, Test
from tests.e2e.js_client import JsClient
from tests.ports.conftest import Port, Serve
from tests.ports.presence.last_seen_store import LastSeenStore
from tests.ports.presence.member_socket import MemberSocket
from tests.ports.presence.module import AppModule
from tests.ports.presence.presence_service import GRACE_MS, IDLE_MS

ONLINE = {"team": "red", "user": "ann", "state": "online"}


class MemoryStore(LastSeenStore):
    """Keeps the times in a dictionary."""

    def __init__(self) -> None:
        self.seen: dict[str, str] = {}

    async def save(self, user: str, moment: datetime) -> None:
        self.seen[user] = moment.isoformat()


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock()


@pytest.fixture
def store() -> MemoryStore:
    return MemoryStore()


@pytest.fixture
def app(clock: ManualClock, store: MemoryStore) -> NestApplication:
    builder = Test.create_testing_module(AppModule)
    builder.override_provider(Clock).use_value(clock)
    builder.override_provider(LastSeenStore).use_value(store)
    return builder.compile().create_nest_application(IoOptions(socket_class=MemberSocket))


@pytest_asyncio.fixture(loop_scope="session")
async def port(serve: Serve, app: NestApplication) -> Port:
    return await serve(app)


async def connect(port: Port, user: str, team: str = "red", **query: str) -> JsClient:
    client = await port.connect(user, f"/teams/{team}", query={"user": user, **query})
    await client.sees("snapshot")
    return client


async def test_member_is_online_away_and_online_again(port: Port, clock: ManualClock) -> None:
    bob = await connect(port, "bob")
    ann = await connect(port, "ann")
    stranger = await connect(port, "eve", "blue")

    assert ONLINE == await bob.sees("presence")
    bob.emit("activity")
    await clock.advance(IDLE_MS / 1000 - 1)
    bob.emit("activity")
    await bob.ask("devices", "bob")
    await clock.advance(1)
    assert {**ONLINE, "state": "away"} == await bob.sees("presence")
    ann.emit("activity")
    assert ONLINE == await bob.sees("presence")

    assert [{"team": "red", "user": "bob", "state": "online"}] == ann.log[1].first
    assert "presence" not in ann.events
    await stranger.ask("devices", "eve")
    assert "presence" not in stranger.events


async def test_member_is_offline_when_all_devices_are_gone_for_a_while(
    port: Port, clock: ManualClock, store: MemoryStore
) -> None:
    bob = await connect(port, "bob")
    laptop, phone = await connect(port, "ann"), await connect(port, "ann")
    assert {
        "namespace": "/teams/red",
        "count": 2,
        "rooms": ["team:red", "user:ann"],
    } == {**(devices := await bob.ask("devices", "ann")), "rooms": sorted(devices["rooms"])}
    assert ["team:red", "user:bob", "debug"] == await bob.ask("debug", 1)
    await bob.sees("presence")

    laptop.disconnect()
    assert "ann" == await bob.sees("left")
    await clock.advance(GRACE_MS / 1000)
    phone.disconnect()
    assert "ann" == await bob.sees("left")
    assert ["ann", "client namespace disconnect"] == bob.log[-1].args
    await clock.advance(GRACE_MS / 1000 - 1)
    assert {} == store.seen
    await clock.advance(1)

    offline = {**ONLINE, "state": "offline", "last_seen": "2026-01-31T09:30:20.000Z"}
    assert offline == await bob.sees("presence")
    assert {"ann": "2026-01-31T09:30:20+00:00"} == store.seen


async def test_reload_of_the_page_is_not_seen_by_others(port: Port, clock: ManualClock) -> None:
    bob, ann = await connect(port, "bob"), await connect(port, "ann")
    await bob.ask("debug", 1)
    await bob.sees("presence")

    ann.disconnect()
    await bob.sees("left")
    await connect(port, "ann")
    await clock.advance(GRACE_MS / 1000)

    assert [ONLINE] == await bob.ask("presence", {"users": "ann,eve"})
    assert 1 == bob.events.count("presence")


async def test_last_member_leaves_and_the_namespace_opens_again(
    port: Port, clock: ManualClock, store: MemoryStore
) -> None:
    ann = await connect(port, "ann")
    ann.disconnect()
    while (await port.http.get("/teams/red/presence")).status == 200:
        await clock.advance(GRACE_MS / 1000)

    bob = await connect(port, "bob")

    assert [] == bob.log[1].first
    assert ["ann"] == list(store.seen)
    assert {"bob": "online"} == await (await port.http.get("/teams/red/presence")).json()


async def test_readers_watch_and_only_writers_write(port: Port) -> None:
    reader, ann = await connect(port, "bob", role="reader"), await connect(port, "ann")

    ann.emit("status", {"text": "at lunch"})
    ann.emit("status")
    ann.emit("typing")

    assert {**ONLINE, "text": "at lunch"} == await ann.sees("status.done")
    assert {**ONLINE, "text": "here"} == await ann.sees("status.done")
    assert ONLINE == await reader.sees("presence")
    assert "at lunch" == (await reader.sees("presence"))["text"]
    assert "ann" == await reader.sees("typing")
    assert "forbidden" == (await reader.ask("status", {"text": "hi"}))["code"]


async def test_nobody_connects_without_a_name(port: Port) -> None:
    nobody = port.begin("nobody", "/teams/red")

    assert {"message": "who are you?", "data": {"code": "no_user"}} == await nobody.sees(
        "connect_error"
    )


async def test_shutdown_tells_the_clients_and_remembers_everybody(
    port: Port, app: NestApplication, store: MemoryStore
) -> None:
    ann = await connect(port, "ann")

    await app.close(signal.SIGTERM)

    assert "SIGTERM" == await ann.sees("bye")
    assert {"ann": "2026-01-31T09:30:00+00:00"} == store.seen
