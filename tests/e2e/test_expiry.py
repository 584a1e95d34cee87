from datetime import UTC, datetime

import jwt
import pytest_asyncio

from tests.e2e.chat_groups import Chat, Chats
from tests.e2e.expected_payloads import an_error, an_indicator
from tests.e2e.js_client import JsClient
from tests.e2e.server_process import Serve, ServerProcess

SOON = 4
"""A token's lifetime in seconds, which is so short that the client is warned at once."""
OLD = 0
"""A token's lifetime in seconds: expired, but within the accepted clock skew of 5 s."""


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def server(serve: Serve) -> ServerProcess:
    """A server with short time limits."""
    return await serve(AUTH_EXPIRY_GRACE_SECONDS="0.5", TYPING_EXPIRY_SECONDS="0.3")


async def connected_with_old_token(chat: Chat) -> JsClient:
    """Connect Alice with a token that has expired within the clock skew."""
    alice = chat.connecting("alice", {"token": await chat.token("alice", OLD)})
    await alice.sees("connect")
    return alice


async def test_client_is_warned_when_its_token_expires_soon(chat: Chat) -> None:
    """The warning contains the time of expiry, and the client can still send events."""
    token = await chat.token("alice", SOON)
    alice = chat.connecting("alice", {"token": token})

    warning = await alice.sees("auth:expiring")

    claims = jwt.decode(token, options={"verify_signature": False})
    expires_at = datetime.fromtimestamp(claims["exp"], UTC)
    assert {"expiresAt": expires_at.strftime("%Y-%m-%dT%H:%M:%S.000Z")} == warning
    assert {"data": []} == await alice.ask("typing:get", {"channelId": chat.general})


async def test_events_are_refused_when_the_token_has_expired(chat: Chat) -> None:
    """After the grace period the client receives ``error`` and is disconnected."""
    alice = await connected_with_old_token(chat)

    first = await alice.ask("typing:get", {"channelId": chat.general})
    answer = first
    while "data" in answer:
        answer = await alice.ask("typing:get", {"channelId": chat.general})
    alice.emit("typing", {"channelId": chat.general})
    exception = await alice.sees("exception")
    error = await alice.sees("error")
    reason = await alice.sees("disconnect")

    assert {"data": []} == first
    assert an_error("token_expired", detail=answer["detail"]) == answer
    assert "token_expired" == exception["code"]
    assert ("authentication failed", "token_expired") == (error["message"], error["code"])
    assert "io server disconnect" == reason


async def test_expired_socket_receives_messages_when_its_grace_has_not_passed(chat: Chat) -> None:
    alice, bob = await connected_with_old_token(chat), await chat.client("bob")

    while "data" in await alice.ask("typing:get", {"channelId": chat.general}):
        pass
    bob.emit("sendMessage", {"content": "hello", "channelId": chat.general})

    assert "hello" == (await alice.sees("message.created"))["content"]


async def test_client_is_connected_when_the_expired_one_comes_with_a_fresh_token(
    chat: Chat,
) -> None:
    """As a frontend does, the client connects with a new token after ``io server disconnect``."""
    expired = await connected_with_old_token(chat)
    await expired.sees("disconnect")

    fresh = await chat.client("alice")

    assert {"data": []} == await fresh.ask("typing:get", {"channelId": chat.general})


async def test_socket_stays_when_expiry_matters_at_the_handshake_only(
    chat: Chat, chats: Chats, serve: Serve
) -> None:
    """The client stays connected longer than a client of a server that enforces expiry."""
    lenient = chats.on(await serve(AUTH_EXPIRY="handshake", AUTH_EXPIRY_GRACE_SECONDS="0.5"))
    alice = await connected_with_old_token(lenient)
    twin = await connected_with_old_token(chat)

    await twin.sees("disconnect")

    assert {"data": []} == await alice.ask("typing:get", {"channelId": lenient.general})
    lenient.leave()


async def test_typing_expires_when_the_typist_falls_silent(chat: Chat) -> None:
    """The whole channel is notified, including the user who was typing."""
    alice = await chat.client("alice")
    bob = await chat.client("bob")

    await alice.ask("typing", {"channelId": chat.general})
    started, ended = await bob.sees("typing"), await bob.sees("typing")

    assert an_indicator(alice, chat.general, is_typing=True) == started
    assert an_indicator(alice, chat.general, is_typing=False) == ended == await alice.sees("typing")
    assert {"data": []} == await bob.ask("typing:get", {"channelId": chat.general})
