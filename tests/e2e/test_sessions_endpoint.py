import asyncio
import gzip

import pytest
import pytest_asyncio
from aiohttp import ClientSession

from tests.deadlines import ANSWER_SECONDS
from tests.e2e.chat_groups import Chat
from tests.e2e.hostile.raw_client import tcp_client
from tests.e2e.js_client import JsClient
from tests.e2e.server_process import Serve, ServerProcess

KEY = "the-key-of-a-backend"


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def server(serve: Serve) -> ServerProcess:
    """A server that accepts requests from a backend."""
    return await serve(SERVICE_KEY=KEY)


async def revoke(
    server: ServerProcess, body: dict[str, str], key: str = KEY
) -> tuple[int, dict[str, str]]:
    """Send ``POST /sessions/revoke``, and return status and body."""
    headers = {"Authorization": f"Bearer {key}"}
    url = f"{server.url}/sessions/revoke"
    async with ClientSession() as http, http.post(url, json=body, headers=headers) as answer:
        return answer.status, await answer.json()


async def end_of(client: JsClient) -> tuple[str, str, str]:
    """Wait for the disconnection. Return the error's message and code, and the reason."""
    error = await client.sees("error")
    return error["message"], error["code"], await client.sees("disconnect")


async def test_all_sockets_of_a_user_are_closed_when_a_backend_revokes_the_user(
    chat: Chat,
) -> None:
    """The user's tokens are refused afterwards, and other users stay connected."""
    token = {"token": await chat.token("alice")}
    phone, laptop = chat.connecting("alice", token), await chat.client("alice")
    bob = await chat.client("bob")
    await phone.sees("connect")

    status, answer = await revoke(chat.server, {"userId": chat.user_id("alice")})

    gone = ("authentication revoked", "revoked", "io server disconnect")
    assert (200, "user") == (status, answer["revoked"])
    assert [gone, gone] == [await end_of(client) for client in (phone, laptop)]
    assert "revoked" == (await chat.refusal(token))["code"]
    assert not await bob.has_seen("error")


async def test_one_session_is_closed_when_a_backend_revokes_the_session(chat: Chat) -> None:
    """Later tokens of the session are also refused. The user's other session stays connected."""
    phone, laptop = [
        chat.connecting(
            "alice",
            {"token": await chat.token("alice", session_id=session_id)},
        )
        for session_id in ("sess_phone", "sess_laptop")
    ]
    await phone.sees("connect")
    await laptop.sees("connect")

    status, answer = await revoke(chat.server, {"sessionId": "sess_phone"})

    assert (200, "session") == (status, answer["revoked"])
    assert "revoked" == (await end_of(phone))[1]
    later = {"token": await chat.token("alice", session_id="sess_phone")}
    assert "revoked" == (await chat.refusal(later))["code"]
    assert not await laptop.has_seen("error")


async def test_one_socket_is_closed_when_a_backend_revokes_the_token(chat: Chat) -> None:
    """Other tokens of the same user stay valid."""
    token = await chat.token("alice")
    phone, laptop = chat.connecting("alice", {"token": token}), await chat.client("alice")
    await phone.sees("connect")

    status, answer = await revoke(chat.server, {"token": token})

    assert (200, "token") == (status, answer["revoked"])
    assert answer["until"].endswith("Z")
    assert "revoked" == (await end_of(phone))[1]
    assert not await laptop.has_seen("error")


async def test_no_socket_is_closed_when_the_key_is_wrong(chat: Chat) -> None:
    alice = await chat.client("alice")

    status, _ = await revoke(
        chat.server, {"userId": chat.user_id("alice")}, key="a-wrong-key-of-a-backend"
    )

    assert 401 == status
    assert not await alice.has_seen("error")


async def test_caller_gets_an_error_when_that_is_no_session_token(chat: Chat) -> None:
    """The endpoint reports an error, because the intended token is still valid."""
    status, answer = await revoke(chat.server, {"token": "foo"})

    assert (400, "token_malformed") == (status, answer["code"])


@pytest.mark.parametrize("path", ["/sessions/revoke", "/nowhere"])
async def test_body_is_not_unpacked_when_it_is_drained(server: ServerProcess, path: str) -> None:
    """The body's checksum is wrong, so unpacking it would close the connection.

    Unpacking would also block the server: aiohttp reads the rest of each body that a handler
    ignores.
    """
    bomb = gzip.compress(b"x" * 1_000_000)[:-8] + b"no check"
    head = f"POST {path} HTTP/1.1\r\nHost: x\r\nContent-Encoding: gzip\r\n"
    alive = b"GET /health/live HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"

    async with tcp_client(server.url) as client, asyncio.timeout(ANSWER_SECONDS):
        client.send_bytes(f"{head}Content-Length: {len(bomb)}\r\n\r\n".encode() + bomb + alive)
        answers = await client.reader.read()

    assert 2 == answers.count(b"HTTP/1.1 ")
    assert answers.endswith(b'{"status":"ok"}')


@pytest.mark.parametrize("path", ["/sessions/revoke", "/webhooks/clerk"])
async def test_endpoint_does_not_exist_when_its_secret_is_not_set(serve: Serve, path: str) -> None:
    """Without the endpoint, an attacker cannot try keys."""
    server = await serve()

    async with ClientSession() as http, http.post(f"{server.url}{path}") as answer:
        assert 404 == answer.status


@pytest.mark.parametrize(
    "arguments", [(), ("--user", "a", "--session", "b"), ("--token", "a", "--user", "b")]
)
async def test_command_refuses_when_not_exactly_one_thing_is_named(
    server: ServerProcess, arguments: tuple[str, ...]
) -> None:
    finished = await server.command("revoke", *arguments)

    expected = "Give one of --token, --session and --user; nothing was revoked.\n"
    assert (1, "", expected) == (finished.code, finished.out, finished.err)


@pytest.mark.parametrize(
    ("option", "words"),
    [("--session", "every token of the session {}"), ("--user", "every token issued to {} so far")],
)
async def test_command_says_what_was_revoked_when_it_was(
    server: ServerProcess, option: str, words: str
) -> None:
    """The command prints the id, and the time at which the revocation ends."""
    finished = await server.command("revoke", option, "some_id")

    assert (0, "") == (finished.code, finished.err)
    assert finished.out.startswith("Revoked until ")
    assert finished.out.endswith(f" UTC: {words.format('some_id')}.\n")


@pytest.mark.parametrize("option", ["--session", "--user"])
async def test_sockets_are_closed_when_the_command_revokes_them(chat: Chat, option: str) -> None:
    """The command runs in a separate process, and the server uses no Redis."""
    session_id = f"sess_{chat.user_id('alice')}"
    token = await chat.token("alice", session_id=session_id)
    alice, bob = chat.connecting("alice", {"token": token}), await chat.client("bob")
    await alice.sees("connect")
    subject = {"--session": session_id, "--user": chat.user_id("alice")}[option]

    finished = await chat.server.command("revoke", option, subject)

    assert 0 == finished.code
    assert "revoked" == (await end_of(alice))[1]
    assert not await bob.has_seen("error")
