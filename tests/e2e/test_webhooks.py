import asyncio
import json
import time

import jwt
import pytest_asyncio
from aiohttp import ClientSession

from tests.deadlines import ANSWER_SECONDS
from tests.e2e.chat_groups import Chat
from tests.e2e.hostile.raw_client import tcp_client
from tests.e2e.js_client import JsClient
from tests.e2e.server_process import Serve, ServerProcess
from tests.unit.adapters.clerk.signed_webhooks import SECRET, headers

OTHER_SECRET = "whsec_b3RoZXItc2VjcmV0LW9mLXNvbWVib2R5"


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def server(serve: Serve) -> ServerProcess:
    """A server that accepts Clerk's webhooks."""
    return await serve(CLERK_WEBHOOK_SIGNING_SECRET=SECRET)


def event(event_type: str, subject: str) -> bytes:
    data = {"id": subject, "object": event_type.partition(".")[0]}
    return json.dumps({"data": data, "object": "event", "type": event_type}).encode()


async def send(server: ServerProcess, body: bytes, signed: dict[str, str]) -> int:
    """Send ``POST /webhooks/clerk``, and return the status."""
    url = f"{server.url}/webhooks/clerk"
    async with ClientSession() as http, http.post(url, data=body, headers=signed) as answer:
        return answer.status


async def error_code(client: JsClient) -> str:
    """Wait for the ``error`` event, and return its code."""
    code: str = (await client.sees("error"))["code"]
    return code


async def test_one_session_is_closed_when_clerk_says_that_it_ended(chat: Chat) -> None:
    """The same user's other session stays connected."""
    session_id = "sess_phone"
    token = await chat.token("alice", session_id=session_id)
    phone, laptop = chat.connecting("alice", {"token": token}), await chat.client("alice")
    await phone.sees("connect")
    body = event("session.revoked", session_id)

    status = await send(chat.server, body, headers(body, f"msg_{session_id}"))

    assert 200 == status
    assert "revoked" == await error_code(phone)
    assert not await laptop.has_seen("error")


async def test_replay_ends_no_socket_when_the_user_has_signed_in_again(chat: Chat) -> None:
    """Each webhook is handled once, so a user who returned after a ban stays connected."""
    alice, bob = await chat.client("alice"), await chat.client("bob")
    body = event("user.banned", chat.user_id("alice"))
    signed = headers(body, f"msg_{chat.user_id('alice')}")
    first = await send(chat.server, body, signed)
    code = await error_code(alice)
    again = await signed_in_again(chat)

    replayed = await send(chat.server, body, signed)

    sent = await again.ask("sendMessage", {"content": "back", "channelId": chat.general})
    assert (200, "revoked", 200) == (first, code, replayed)
    assert "back" == sent["data"]["content"]
    assert not await bob.has_seen("error")


async def signed_in_again(chat: Chat) -> JsClient:
    """Connect Alice with a token issued in a later second.

    A revocation also covers tokens issued in its own second, because ``iat`` has whole seconds.
    """
    last_second = int(time.time())
    async with asyncio.timeout(ANSWER_SECONDS):
        while True:
            token = await chat.token("alice")
            issued_at = jwt.decode(token, options={"verify_signature": False})["iat"]
            if issued_at > last_second:
                break
    client = chat.connecting("alice", {"token": token})
    await client.sees("connect")
    return client


async def test_no_socket_is_closed_when_the_message_is_forged_or_stale(chat: Chat) -> None:
    """The refusal is an HTTP error, so it is visible in Clerk's dashboard."""
    alice = await chat.client("alice")
    body = event("user.deleted", chat.user_id("alice"))
    signatures = [
        {},
        headers(body, secret=OTHER_SECRET),
        headers(body, age_seconds=400),
        headers(event("user.deleted", chat.user_id("bob"))),
    ]

    statuses = [await send(chat.server, body, signed) for signed in signatures]

    assert [400] * 4 == statuses
    assert not await alice.has_seen("error")


async def test_message_is_acknowledged_when_its_type_is_not_handled(chat: Chat) -> None:
    """If the server rejected the webhook, Svix would send it again for days."""
    body = event("user.created", chat.user_id("alice"))

    assert 200 == await send(chat.server, body, headers(body, "msg_created"))


async def test_log_has_no_traceback_when_a_request_is_malformed(serve: Serve) -> None:
    """If tracebacks were logged, anybody who can reach the port could fill the log."""
    server = await serve(CLERK_WEBHOOK_SIGNING_SECRET=SECRET)
    packed = {"Content-Encoding": "gzip"}

    async with tcp_client(server.url) as client:
        client.send_bytes(
            b"POST /webhooks/clerk HTTP/1.1\r\nHost: x\r\nContent-Length: 9\r\n\r\nwho"
        )
        await client.writer.drain()
        client.abort()
    statuses = [await send(server, b"no gzip", signed) for signed in ({}, packed)]
    await server.stop()
    log = server.err
    await server.start()

    assert [400, 415] == statuses
    assert "webhook_signature" in log
    assert "Traceback" not in log
