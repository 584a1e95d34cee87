"""Notifies users with open pages and without."""

from datetime import UTC, datetime
from typing import Any

import pytest
import pytest_asyncio

from app.framework import NestApplication
from app.framework.testing import ManualClock, Test
from tests.e2e.js_client import JsClient
from tests.ports.conftest import Port, Serve
from tests.ports.notifications.channels import EmailChannel, SmsChannel
from tests.ports.notifications.module import app_module

KEY = "sesame"
ORDER = {"topic": "order", "text": "Your order is on its way."}


@pytest.fixture
def clock() -> ManualClock:
    """A clock that shows 7:59 in Berlin, a minute before the digest."""
    return ManualClock(datetime(2026, 1, 31, 6, 59, tzinfo=UTC))


@pytest.fixture
def app(clock: ManualClock, monkeypatch: pytest.MonkeyPatch) -> NestApplication:
    monkeypatch.setenv("NOTIFY_API_KEY", KEY)
    monkeypatch.setenv("NOTIFY_MAIL__SENDER", "test@shop.example")
    sessions = {f"{name}'s session": name for name in ("ann", "bob")}
    return (
        Test.create_testing_module(app_module(clock, sessions)).compile().create_nest_application()
    )


@pytest_asyncio.fixture(loop_scope="session")
async def port(serve: Serve, app: NestApplication) -> Port:
    return await serve(app)


async def open_page(port: Port, name: str, **headers: str) -> JsClient:
    headers = {"cookie": f'theme=dark; session="{name}\'s session"', **headers}
    page = await port.connect(name, "/notifications", path="/live", extraHeaders=headers)
    await page.sees("unread")
    return page


async def watch(port: Port) -> JsClient:
    return await port.connect("staff", "/monitor", path="/live", auth={"key": KEY})


async def request(port: Port, method: str, path: str = "", **body: Any) -> tuple[int, Any]:
    response = await port.http.request(
        method, f"/notifications{path}", json=body or None, headers={"X-API-Key": KEY}
    )
    return response.status, await response.json() if response.content_length else None


async def test_open_pages_of_a_user_receive_a_notification_and_share_what_was_read(
    port: Port,
) -> None:
    one, two, other = [await open_page(port, name) for name in ("ann", "ann", "bob")]

    status, ids = await request(port, "POST", users=["ann"], **ORDER)
    notification = await one.sees("notification")
    still_unread = await one.ask("read", {"ids": ids})

    assert (202, ids) == (status, [notification["id"]])
    assert ("order", False) == (notification["topic"], "link" in notification)
    assert notification == await two.sees("notification")
    assert (0, 0) == (still_unread, await two.sees("unread"))
    assert [True] == [each["read"] for each in await one.ask("list", "order")]
    assert [] == await other.ask("list", "order")
    assert "notification" not in other.events


async def test_users_without_open_pages_receive_mail_or_sms_and_the_rest_later(
    port: Port, app: NestApplication
) -> None:
    bob = await open_page(port, "bob")
    assert "no_channel" == (await bob.ask("channel", "pigeon"))["code"]
    assert {"channel": "sms"} == await bob.ask("channel", "sms")
    bob.emit("mute")
    assert await bob.ask("muted?")

    await request(port, "POST", users=["ann", "bob"], **ORDER)
    ann = await open_page(port, "ann")

    text = ORDER["text"]
    assert [f"test@shop.example to ann: {text}"] == app.get(EmailChannel).outbox.messages
    assert [f"bob: {text}"] == app.get(SmsChannel).outbox.messages
    assert text == (await ann.sees("notification"))["text"]
    assert (200, {"ann": 1, "zoe": 0}) == await request(port, "GET", "/unread?users=ann,zoe")


async def test_scheduled_notification_is_sent_later_or_cancelled(
    port: Port, clock: ManualClock
) -> None:
    ann = await open_page(port, "ann")
    _, [first, second] = await request(port, "POST", users=["ann"] * 2, delay_ms=5_000, **ORDER)

    cancelled = [(await request(port, "DELETE", f"/scheduled/{first}"))[0] for _ in range(2)]
    await clock.advance(5)

    assert [204, 404] == cancelled
    assert second == (await ann.sees("notification"))["id"]
    assert [second] == [each["id"] for each in await ann.ask("list", "order")]


async def test_digest_is_sent_at_eight_to_pages_with_unread_notifications(
    port: Port, clock: ManualClock
) -> None:
    ann, bob = await open_page(port, "ann"), await open_page(port, "bob")
    await request(port, "POST", users=["ann"], **ORDER)

    await clock.advance(61)

    assert {"order": 1, "price": 0} == await ann.sees("digest")
    assert [] == await bob.ask("list", "price")
    assert "digest" not in bob.events


async def test_staff_watches_announces_and_signs_out(port: Port) -> None:
    ann, bob, staff = await open_page(port, "ann"), await open_page(port, "bob"), await watch(port)
    bob.emit("mute")
    assert await bob.ask("muted?")

    stats = await staff.ask("stats")
    staff.emit("announce", "sale")
    assert {"pages": 2, "connections": 3, "users": ["user:ann", "user:bob"]} == stats
    assert "sale" == await ann.sees("announcement")
    assert 1 == await staff.ask("sign out", "bob")
    assert "io server disconnect" == await bob.sees("disconnect")
    assert "announcement" not in bob.events


async def test_strangers_are_refused(port: Port) -> None:
    page = port.begin("stranger", "/notifications", path="/live")
    foreign = port.begin(
        "foreign", "/notifications", path="/live", extraHeaders={"origin": "https://evil.example"}
    )
    staff = port.begin("staff", "/monitor", path="/live", auth={"key": "guessed"})
    service = await port.http.get("/notifications/unread?users=ann")

    assert "no_session" == (await page.sees("connect_error"))["data"]["code"]
    assert "websocket error" == (await foreign.sees("connect_error"))["message"]
    assert "Forbidden resource" == (await staff.sees("exception"))["message"]
    assert 403 == service.status
    await open_page(port, "ann", origin="https://shop.example")


async def test_wrong_payloads_are_refused(port: Port) -> None:
    ann = await open_page(port, "ann")

    answers = [await ann.ask("read", {"ids": ["x"]}), await ann.ask("list", "weather")]
    status, body = await request(port, "POST", users=[], topic="weather")

    assert ["invalid_payload"] * 2 == [each["code"] for each in answers]
    assert (409, {"message": "cannot notify", "fields": 3}) == (status, body)


async def test_pages_hear_of_maintenance_when_the_application_closes(
    port: Port, app: NestApplication
) -> None:
    ann = await open_page(port, "ann")

    await app.close()

    await ann.sees("maintenance")
    assert "transport close" == await ann.sees("disconnect")
