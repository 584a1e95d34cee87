from datetime import UTC, datetime

import jwt
import pytest_asyncio

from tests.e2e.chat import Chat, Chats
from tests.e2e.js_client import JsClient
from tests.e2e.server_process import Serve, ServerProcess
from tests.e2e.shapes import an_error, an_indicator

SOON = 4
"""A token's ttl in seconds, less than twice the 15 before which a client is warned."""
OLD = 0
"""A token's ttl in seconds: expired, and for four or five seconds more within the skew."""


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def server(serve: Serve) -> ServerProcess:
    """What takes seconds elsewhere takes less here."""
    return await serve(AUTH_EXPIRY_GRACE_SECONDS="0.5", TYPING_EXPIRY_SECONDS="0.3")


async def connected_with_old_token(chat: Chat) -> JsClient:
    """Alice, whose time is nearly up."""
    alice = chat.connecting("alice", {"token": await chat.token("alice", OLD)})
    await alice.sees("connect")
    return alice


async def test_client_is_warned_when_its_token_expires_soon(chat: Chat) -> None:
    """With the time, early enough to come back with a new one."""
    token = await chat.token("alice", SOON)
    alice = chat.connecting("alice", {"token": token})

    warning = await alice.sees("auth:expiring")

    claims = jwt.decode(token, options={"verify_signature": False})
    expires_at = datetime.fromtimestamp(claims["exp"], UTC)
    assert {"expiresAt": expires_at.strftime("%Y-%m-%dT%H:%M:%S.000Z")} == warning
    assert {"data": []} == await alice.ask("typing:get", {"channelId": chat.general})


async def test_events_are_refused_when_the_token_has_expired(chat: Chat) -> None:
    """Then, a grace later, the client is told by ``error`` and disconnected."""
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


async def test_expired_socket_still_hears_when_its_grace_has_not_passed(chat: Chat) -> None:
    """It may not speak, but it misses nothing."""
    alice, bob = await connected_with_old_token(chat), await chat.client("bob")

    while "data" in await alice.ask("typing:get", {"channelId": chat.general}):
        pass
    bob.emit("sendMessage", {"content": "hello", "channelId": chat.general})

    assert "hello" == (await alice.sees("message.created"))["content"]


async def test_expired_socket_hears_nothing_when_it_was_disconnected(chat: Chat) -> None:
    """It has left its rooms like any other."""
    alice, bob = await connected_with_old_token(chat), await chat.client("bob")

    await alice.sees("disconnect")
    await bob.ask("sendMessage", {"content": "hello", "channelId": chat.general})

    assert "message.created" not in alice.events


async def test_client_is_connected_when_the_expired_one_comes_with_a_fresh_token(
    chat: Chat,
) -> None:
    """The frontend's answer to ``io server disconnect``."""
    expired = await connected_with_old_token(chat)
    await expired.sees("disconnect")

    fresh = await chat.client("alice")

    assert {"data": []} == await fresh.ask("typing:get", {"channelId": chat.general})


async def test_socket_stays_when_expiry_matters_at_the_handshake_only(
    chat: Chat, chats: Chats, serve: Serve
) -> None:
    """``AUTH_EXPIRY=handshake``: a twin elsewhere, with a token as old, shows that time is up."""
    lenient = chats.on(await serve(AUTH_EXPIRY="handshake", AUTH_EXPIRY_GRACE_SECONDS="0.5"))
    alice = await connected_with_old_token(lenient)
    twin = await connected_with_old_token(chat)

    await twin.sees("disconnect")

    assert {"data": []} == await alice.ask("typing:get", {"channelId": lenient.general})
    lenient.leave()


async def test_typing_expires_when_the_typist_falls_silent(chat: Chat) -> None:
    """The whole channel is told, the typist included."""
    alice = await chat.client("alice")
    bob = await chat.client("bob")

    await alice.ask("typing", {"channelId": chat.general})
    started, ended = await bob.sees("typing"), await bob.sees("typing")

    assert an_indicator(alice, chat.general, is_typing=True) == started
    assert an_indicator(alice, chat.general, is_typing=False) == ended == await alice.sees("typing")
    assert {"data": []} == await bob.ask("typing:get", {"channelId": chat.general})
