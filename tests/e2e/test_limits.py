import asyncio
from contextlib import suppress

import pytest
import pytest_asyncio
from aiohttp import WSServerHandshakeError

from tests.e2e.chat_groups import Chat
from tests.e2e.expected_payloads import A_TEXT
from tests.e2e.raw_socket import raw_socket
from tests.e2e.server_process import Serve, ServerProcess


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def server(serve: Serve) -> ServerProcess:
    """A server with low limits that trusts a proxy's header. Each test has its own address."""
    return await serve(
        CONNECT_TIMEOUT_SECONDS="3",
        MAX_CONNECTING_PER_ADDRESS="2",
        MAX_SOCKETS_PER_USER="2",
        MESSAGE_MAX_CHARS="5",
        RATE_LIMIT_BURST="4",
        RATE_LIMIT_EVENTS_PER_SECOND="0.1",
        RATE_LIMIT_CONNECTS_PER_MINUTE="3",
        RATE_LIMIT_FAILED_AUTH_PER_MINUTE="2",
        TRUSTED_PROXIES="127.0.0.1",
    )


def behind(address: str) -> dict[str, str]:
    """Return the header with which a proxy forwards a request from this address."""
    return {"X-Forwarded-For": f"203.0.113.99, {address}"}


async def test_events_are_refused_when_a_user_sends_too_many(chat: Chat) -> None:
    """The error contains the time to wait. All sockets of the user share the limit."""
    phone = await chat.client("alice", extraHeaders=behind("192.0.2.1"))
    laptop = await chat.client("alice", extraHeaders=behind("192.0.2.1"))
    bob = await chat.client("bob", extraHeaders=behind("192.0.2.1"))

    channel = {"channelId": chat.general}
    answers = [await phone.ask("typing:get", channel) for _ in range(4)]
    refused = await laptop.ask("typing:get", channel)

    assert all("data" in answer for answer in answers)
    assert {
        "error": A_TEXT,
        "code": "rate_limited",
        "temporary": True,
        "retryAfterMs": refused["retryAfterMs"],
    } == refused
    assert 0 < refused["retryAfterMs"] <= 10_000
    assert "data" in await bob.ask("typing:get", channel)


async def test_unknown_events_count_when_a_user_sends_too_many(chat: Chat) -> None:
    """Without a requested ack, the rejection is sent as ``exception``."""
    alice = await chat.client("alice", extraHeaders=behind("192.0.2.2"))

    answers = [await alice.ask("nonsense") for _ in range(4)]
    alice.emit("nonsense")

    assert ["unknown_event"] * 4 == [answer["code"] for answer in answers]
    refused = await alice.sees("exception")
    assert "rate_limited" == refused["code"]
    assert refused["retryAfterMs"] > 0


async def test_client_is_refused_when_the_user_has_too_many_sockets(chat: Chat) -> None:
    """The client reconnects automatically, and is admitted after another has disconnected."""
    bob = await chat.client("bob", extraHeaders=behind("192.0.2.3"))
    phone = await chat.client("alice", extraHeaders=behind("192.0.2.4"))
    laptop = await chat.client("alice", extraHeaders=behind("192.0.2.4"))
    token = {"token": await chat.token("alice")}
    await phone.ask("typing", {"channelId": chat.general})
    await bob.sees("typing")

    tablet = chat.connecting("alice", token, extraHeaders=behind("192.0.2.4"))
    error = await tablet.sees("error")
    reason = await tablet.sees("disconnect")
    phone.disconnect()
    laptop.disconnect()
    await bob.sees("typing")

    assert ("transport close", "too_many_sockets") == (reason, error["code"])
    await tablet.admitted()


async def test_clients_are_admitted_when_many_users_of_one_address_connect(chat: Chat) -> None:
    """More users connect than the address has attempts: valid tokens use up no attempts."""
    for name in ("alice", "bob", "carol", "dave", "erin"):
        client = await chat.client(name, extraHeaders=behind("192.0.2.6"))
        assert not await client.has_seen("error")


async def test_client_is_refused_when_its_address_failed_too_often(chat: Chat) -> None:
    """The refusal applies even to valid tokens, but not to other addresses.

    The address is the one that the proxy adds to the header, not one that the client has sent in
    it.
    """
    address = behind("192.0.2.8")
    failures = [
        await chat.refusal({"token": "nonsense"}, extraHeaders=address),
        await chat.refusal({}, extraHeaders=address),
    ]

    error = await chat.refusal({"token": await chat.token("alice")}, extraHeaders=address)

    assert ["token_malformed", "token_missing"] == [failure["code"] for failure in failures]
    assert {
        "message": "authentication failed",
        "code": "too_many_attempts",
        "detail": A_TEXT,
        "temporary": True,
        "retryAfterMs": error["retryAfterMs"],
    } == error
    assert 0 < error["retryAfterMs"] <= 30_000
    bob = await chat.client("bob", extraHeaders=behind("192.0.2.7"))
    assert not await bob.has_seen("error")


async def test_upgrade_is_refused_when_too_many_of_a_network_are_not_admitted(
    server: ServerProcess,
) -> None:
    addresses = [behind(f"2001:db8::{host}") for host in range(3)]
    async with raw_socket(server, addresses[0]), raw_socket(server, addresses[1]):
        with pytest.raises(WSServerHandshakeError) as refused:
            async with raw_socket(server, addresses[2]):
                pass

    assert 429 == refused.value.status


async def test_send_message_is_refused_when_the_content_is_too_long(chat: Chat) -> None:
    """The limit counts the characters of the trimmed content."""
    alice = await chat.client("alice", extraHeaders=behind("192.0.2.9"))

    fits = await alice.ask("sendMessage", {"content": " üüüüü ", "channelId": chat.general})
    refused = await alice.ask("sendMessage", {"content": "123456", "channelId": chat.general})

    assert "üüüüü" == fits["data"]["content"]
    assert "invalid_payload" == refused["code"]
    assert ["content"] == [field["path"] for field in refused["fields"]]


async def test_connection_is_closed_when_no_connect_comes(server: ServerProcess) -> None:
    """Pongs do not extend the timeout."""
    async with raw_socket(server) as socket:
        await socket.send("3")
        frames, _ = await socket.closed()

    assert [] == frames


async def test_http_connections_are_closed_when_an_address_has_too_many(serve: Serve) -> None:
    """Connections without any request are also counted."""
    server = await serve(MAX_CONNECTING_PER_ADDRESS="5")
    opened = [await asyncio.open_connection("127.0.0.1", server.port) for _ in range(10)]
    closings = [asyncio.create_task(_closed(reader)) for reader, _ in opened]

    async with asyncio.timeout(30):
        closed = [await each for each in closings[5:]]
        for _, writer in opened:
            writer.close()
        await asyncio.wait(closings)

    assert [True] * 5 == closed


async def _closed(reader: asyncio.StreamReader) -> bool:
    with suppress(ConnectionError):
        await reader.read()
    return True
