"""Tests temporary refusals, after which the JavaScript client reconnects by itself."""

import asyncio

import pytest

from tests.e2e.chat_groups import Chats
from tests.e2e.js_client import JsDriver
from tests.e2e.raw_socket import raw_socket
from tests.e2e.server_process import Serve

USERS = 60


async def test_all_users_of_an_address_come_back_when_the_server_restarts(
    serve: Serve, driver: JsDriver
) -> None:
    """More users reconnect than the limit allows at once, without any code in the frontend."""
    server = await serve(RATE_LIMIT_CONNECTS_PER_MINUTE="1")
    users = [f"user_alice_{number}" for number in range(USERS)]
    tokens = [await server.token(user, ttl_seconds=3_600) for user in users]
    clients = [
        driver.connect(server.url, user, {"token": token})
        for user, token in zip(users, tokens, strict=True)
    ]
    await asyncio.gather(*(client.admitted() for client in clients))

    await server.stop()
    await asyncio.gather(*(client.sees("disconnect") for client in clients))
    await server.start()
    await asyncio.gather(*(client.admitted() for client in clients))
    for client in clients:
        client.disconnect()

    errors = [sight.first for client in clients for sight in client.log if sight.event == "error"]
    assert {("too_many_attempts", True)} == {(each["code"], each["temporary"]) for each in errors}
    reasons = {s.first for client in clients for s in client.log if s.event == "disconnect"}
    assert {"transport close"} == reasons
    assert "connections refused for now" in server.err


@pytest.mark.parametrize(("mode", "heads"), [("disconnect", ["40", "42"]), ("connect_error", [])])
async def test_transport_closes_with_1013_when_the_storage_fails_while_connecting(
    chats: Chats, serve: Serve, mode: str, heads: list[str]
) -> None:
    """The server sends neither ``41`` nor ``44``: the client would not reconnect after these."""
    server = await serve(AUTH_FAILURE_MODE=mode)
    token = await chats.on(server).token("alice")
    (server.folder / ".data" / "chat.db").unlink()

    async with raw_socket(server) as socket:
        await socket.send(f'40{{"token":"{token}"}}')
        frames, close_code = await socket.closed()

    assert 1013 == close_code
    assert heads == [frame[:2] for frame in frames]


async def test_new_socket_is_admitted_when_the_users_oldest_is_dead(
    chats: Chats, serve: Serve
) -> None:
    """The server closes only the user's socket that has not answered a ping."""
    server = await serve(
        MAX_SOCKETS_PER_USER="2", PING_INTERVAL_SECONDS="0.5", PING_TIMEOUT_SECONDS="600"
    )
    chat = chats.on(server)
    laptop = await chat.client("alice")
    async with raw_socket(server) as dead:
        await dead.connect(await chat.token("alice"))
        # Only the first ping is overdue: the answer to the second could still arrive.
        assert ["2", "2"] == [await dead.receive() for _ in range(2)]

        phone = await chat.client("alice")
        frames, close_code = await dead.closed()
        seen = [await client.has_seen("disconnect") for client in (laptop, phone)]

    assert 1013 == close_code
    assert not [frame for frame in frames if frame != "2"]
    assert [False, False] == seen
    chat.leave()
