"""Tests in real time that sockets outlive their tokens, which last three seconds."""

import asyncio
import time
from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import jwt
import pytest
import pytest_asyncio

from tests.e2e.chat_groups import Chat
from tests.e2e.expected_payloads import an_error
from tests.e2e.js_client import JsClient
from tests.e2e.server_process import Serve, ServerProcess

LIFE = 3
SKEW = 5
GRACE = 3
ROUNDING = 0.05
LATE = 10.0
"""The maximum delay on a busy machine, in seconds."""
LONG = 2 * (LIFE + SKEW + GRACE)
"""Twice the maximum lifetime of a socket that never refreshes its token."""


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def server(serve: Serve) -> ServerProcess:
    """A server with a grace period of `GRACE` seconds."""
    return await serve(AUTH_EXPIRY_GRACE_SECONDS=str(GRACE))


async def connected(chat: Chat, name: str) -> JsClient:
    """Connect a user with a token that is valid for `LIFE` seconds."""
    client = chat.connecting(name, {"token": await chat.token(name, LIFE)})
    await client.sees("connect")
    return client


async def refreshed(chat: Chat, client: JsClient, name: str, ttl_seconds: int = LIFE) -> Any:
    """Send ``auth:refresh`` with a new token of the user, and return the ack."""
    token = await chat.token(name, ttl_seconds)
    return await client.ask("auth:refresh", {"token": token})


def seconds_of(date: str) -> float:
    """Convert a date on the wire to seconds since the epoch."""
    return datetime.fromisoformat(date).timestamp()


@dataclass(frozen=True, slots=True)
class Asked:
    """An event and its answer, with the monotonic times of sending and receiving."""

    at: float
    answered_at: float
    answer: Any


async def asking(client: JsClient, channel: str) -> AsyncIterator[Asked]:
    """Send an event every 20 ms, and yield the answers."""
    while True:
        await asyncio.sleep(0.02)
        at = time.monotonic()
        answer = await client.ask("typing:get", {"channelId": channel})
        yield Asked(at, time.monotonic(), answer)


async def until_refused(client: JsClient, channel: str) -> tuple[Asked, Asked]:
    """Send events until one is refused; return the last accepted one and the refused one."""
    events = asking(client, channel)
    accepted = await anext(events)
    async for event in events:
        if "error" in event.answer:
            return accepted, event
        accepted = event
    raise AssertionError


async def test_socket_stays_when_it_refreshes_tokens_of_three_seconds_whenever_it_is_warned(
    chat: Chat,
) -> None:
    """The socket outlives its first token, and all of its events are accepted."""
    alice = await connected(chat, "alice")
    ends_at = time.monotonic() + LONG
    refreshes, refused = 0, []

    async for asked in asking(alice, chat.general):
        if asked.answer != {"data": []}:
            refused.append(asked.answer)
        if alice.events.count("auth:expiring") > refreshes:
            token = await chat.token("alice", LIFE)
            answer = await alice.ask("auth:refresh", {"token": token})
            claims = jwt.decode(token, options={"verify_signature": False})
            assert claims["exp"] == seconds_of(answer["data"]["expiresAt"])
            refreshes += 1
        if asked.answered_at > ends_at:
            break

    assert [] == refused
    assert LONG / LIFE <= refreshes <= LONG
    assert not {"error", "disconnect", "exception"} & set(alice.events)


async def test_socket_is_refused_and_then_closed_on_time_when_it_does_not_refresh(
    chat: Chat,
) -> None:
    """Events are refused from 5 s after the expiry. The socket closes after the grace period."""
    alice = await connected(chat, "alice")
    # Like the server, convert the end of the session to monotonic time when the socket connects,
    # because the wall clock of a virtual machine may jump.
    offset = time.time() - time.monotonic()
    expires_at = seconds_of((await alice.sees("auth:expiring"))["expiresAt"])
    end = expires_at + SKEW - offset

    accepted, refused = await until_refused(alice, chat.general)
    error = await alice.sees("error")
    closed_at = time.monotonic()
    reason = await alice.sees("disconnect")

    assert an_error("token_expired", detail=refused.answer["detail"]) == refused.answer
    # The server checks the token at some time between sending and receiving.
    assert accepted.at - ROUNDING < end < refused.answered_at + ROUNDING
    assert end + GRACE - ROUNDING <= closed_at < end + GRACE + LATE
    assert ("token_expired", "io server disconnect") == (error["code"], reason)


async def test_socket_goes_on_when_it_refreshes_after_its_end(chat: Chat) -> None:
    """A socket can refresh within the grace period, for example after a laptop has slept."""
    alice = await connected(chat, "alice")
    await until_refused(alice, chat.general)

    answer = await refreshed(chat, alice, "alice", ttl_seconds=60)

    assert seconds_of(answer["data"]["expiresAt"]) > time.time()
    assert {"data": []} == await alice.ask("typing:get", {"channelId": chat.general})


async def test_socket_is_warned_when_it_connects_within_the_skew(chat: Chat) -> None:
    """A socket whose token has just expired is warned, and can refresh."""
    alice = chat.connecting("alice", {"token": await chat.token("alice", ttl_seconds=-1)})
    await alice.sees("connect")
    await alice.sees("auth:expiring")

    answer = await refreshed(chat, alice, "alice", ttl_seconds=60)

    assert seconds_of(answer["data"]["expiresAt"]) > time.time()
    assert ["connect", "auth:expiring"] == alice.events[:2]


async def test_socket_is_notified_and_closed_when_it_refreshes_with_another_users_token(
    chat: Chat,
) -> None:
    """The socket receives the ack first, then ``error``, and is then disconnected."""
    alice = await chat.client("alice")

    answer = await refreshed(chat, alice, "bob")
    error = await alice.sees("error")
    reason = await alice.sees("disconnect")

    assert an_error("subject_changed", detail=answer["detail"]) == answer
    assert ("authentication failed", "subject_changed") == (error["message"], error["code"])
    assert "io server disconnect" == reason
    assert ["ack", "error", "disconnect"] == alice.events[-3:]


async def test_socket_is_notified_and_closed_when_it_refreshes_with_another_session(
    chat: Chat,
) -> None:
    """A new sign-in needs a new connection."""
    alice = await chat.client("alice")
    token = await chat.server.token(alice.user_id, session_id="sess_other")

    answer = await alice.ask("auth:refresh", {"token": token})
    await alice.sees("disconnect")

    assert "subject_changed" == answer["code"]


@pytest.mark.parametrize("token", ["forged", "Bearer x", "a.b.c", ""])
async def test_socket_stays_when_its_refresh_is_refused(chat: Chat, token: str) -> None:
    """After a refused refresh, the socket can send a different token."""
    alice = await chat.client("alice")

    answer = await alice.ask("auth:refresh", {"token": token})

    assert answer["code"] in {"token_malformed", "bearer_prefix", "token_missing"}
    assert not await alice.has_seen("error")


async def test_exception_keeps_the_token_to_itself_when_no_ack_is_asked_for(chat: Chat) -> None:
    """The ``cause`` contains the event's name, but not the payload."""
    alice = await chat.client("alice")

    alice.emit("auth:refresh", {"token": "forged"})
    exception = await alice.sees("exception")

    assert {"pattern": "auth:refresh"} == exception["cause"]
    assert "forged" not in str(exception)
