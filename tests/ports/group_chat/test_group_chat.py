"""Chats with the group chat, by events and by its REST interface."""

from typing import Any

import pytest
import pytest_asyncio

from app.framework.testing import Test
from tests.e2e.js_client import JsClient
from tests.ports.conftest import Port, Serve
from tests.ports.group_chat.chat_adapter import ChatIoAdapter
from tests.ports.group_chat.module import AppModule


@pytest_asyncio.fixture(loop_scope="session")
async def port(serve: Serve, monkeypatch: pytest.MonkeyPatch) -> Port:
    monkeypatch.setenv("CHAT_JWT_SECRET", "a secret of at least 32 characters")
    module = Test.create_testing_module(AppModule).compile()
    return await serve(module.create_nest_application(ChatIoAdapter()))


async def login(port: Port, name: str) -> str:
    body = {"name": name, "password": f"{name}'s password"}
    response = await port.http.post("/auth/login", json=body)
    assert 200 == response.status
    token: str = (await response.json())["data"]["token"]
    return token


async def join(port: Port, name: str, room: str = "general") -> JsClient:
    client = await port.connect(name, auth={"token": await login(port, name)})
    await client.ask("room:join", {"room": room})
    return client


async def request(port: Port, name: str, method: str, path: str, **body: Any) -> tuple[int, Any]:
    headers = {"Authorization": f"Bearer {await login(port, name)}"}
    response = await port.http.request(method, path, json=body or None, headers=headers)
    return response.status, await response.json()


async def test_members_of_a_room_receive_messages_and_mentions(port: Port) -> None:
    ann, bob = await join(port, "ann"), await join(port, "bob")
    assert {"room": "general", "user": "bob"} == await ann.sees("room:joined")

    ack = await ann.ask("message:send", {"room": "general", "text": "hello @bob"})
    bob.emit("typing", {"room": "general"})

    assert (True, "ann", "hello @bob") == (ack["ok"], ack["data"]["author"], ack["data"]["text"])
    assert ack["data"] == await bob.sees("message:new") == await ann.sees("message:new")
    assert ack["data"] == await bob.sees("mention")
    assert {"room": "general", "user": "bob"} == await ann.sees("typing")
    assert ("mention" in ann.events, "typing" in bob.events) == (False, False)


async def test_history_is_streamed(port: Port) -> None:
    ann = await join(port, "ann")
    for text in ("one", "two"):
        await ann.ask("message:send", {"room": "general", "text": text})

    ann.emit("message:history", {"room": "general"})
    texts = [(await ann.sees("message:old"))["text"] for _ in range(2)]

    assert ["one", "two"] == texts


async def test_devices_of_a_user_share_rooms_and_presence(port: Port) -> None:
    ann, bob = await join(port, "ann"), await join(port, "bob")
    phone = await port.connect("bob", auth={"token": await login(port, "bob")})

    await ann.ask("message:send", {"room": "general", "text": "hello"})
    await phone.sees("message:new")
    phone.emit("room:leave", {"room": "general"})
    assert "general" == await phone.sees("room:left")
    refused = await bob.ask("message:send", {"room": "general", "text": "hello"})
    phone.disconnect()
    bob.disconnect()

    online = [await ann.sees("presence") for _ in range(3)]
    assert "not_a_member" == refused["code"]
    assert [("bob", True), ("bob", True), ("bob", False)] == [
        (each["user"], each["online"]) for each in online
    ]


async def test_guards_refuse_sockets_requests_and_roles(port: Port) -> None:
    stranger = port.begin("stranger", auth={"token": "forged"})
    anonymous = await port.http.get("/rooms/general/messages")
    wrong = await port.http.post("/auth/login", json={"name": "ann", "password": "x"})

    assert "unauthorized" == (await stranger.sees("exception"))["code"]
    assert "io server disconnect" == await stranger.sees("disconnect")
    assert (401, 401) == (anonymous.status, wrong.status)
    assert (403, "Forbidden resource") == status_and_message(
        await request(port, "ann", "POST", "/rooms", room="new")
    )
    assert (201, {"ok": True, "data": "new"}) == await request(
        port, "mod", "POST", "/rooms", room="new"
    )


async def test_rest_interface_and_events_share_rooms_and_errors(port: Port) -> None:
    ann = await join(port, "ann")

    status, sent = await request(port, "ann", "POST", "/rooms/general/messages", text="by REST")
    message = await ann.sees("message:new")
    _, latest = await request(port, "ann", "GET", "/rooms/general/messages?limit=1")
    path = f"/rooms/general/messages/{message['id']}"
    removals = [await request(port, "mod", "DELETE", path) for _ in range(2)]
    missing = await request(port, "ann", "GET", "/rooms/cellar/messages")
    foreign = await request(port, "bob", "GET", "/rooms/general/messages")

    assert (201, message) == (status, sent["data"])
    assert [message] == latest["data"]
    assert message["id"] == await ann.sees("message:removed")
    assert [200, 404] == [each for each, _ in removals]
    assert (404, "There is no room cellar") == status_and_message(missing)
    assert (403, "bob is not in general") == status_and_message(foreign)
    assert "room_not_found" == (await ann.ask("room:join", {"room": "cellar"}))["code"]


async def test_senders_are_limited_and_payloads_are_checked(port: Port) -> None:
    ann, bob = await join(port, "ann"), await join(port, "bob")
    payload = {"room": "general", "text": "again"}

    invalid = await bob.ask("message:send", {**payload, "room": "No Room", "color": "red"})
    acks = [await ann.ask("message:send", payload) for _ in range(4)]

    assert {"room", "color"} == {each["path"] for each in invalid["fields"]}
    assert "rate_limited" == acks[-1]["code"]
    assert acks[-2]["ok"]
    assert (await bob.ask("message:send", payload))["ok"]


async def test_outdated_clients_are_refused_before_they_connect(port: Port) -> None:
    token = await login(port, "ann")
    old = port.begin("ann", auth={"token": token}, query={"version": "1"}, reconnection=False)

    assert "websocket error" == (await old.sees("connect_error"))["message"]
    await port.connect("ann", auth={"token": token}, query={"version": "2"})


def status_and_message(answer: tuple[int, Any]) -> tuple[int, str]:
    status, body = answer
    return status, body["message"]
