"""Tests the limits on the connections of a node and of an address."""

import pytest_asyncio

from tests.e2e.chat_groups import Chat
from tests.e2e.expected_payloads import A_TEXT
from tests.e2e.raw_socket import raw_socket
from tests.e2e.server_process import Serve, ServerProcess


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def server(serve: Serve) -> ServerProcess:
    """A server with low limits that trusts a proxy's header."""
    return await serve(MAX_SOCKETS="3", MAX_SOCKETS_PER_ADDRESS="2", TRUSTED_PROXIES="127.0.0.1")


def behind(address: str) -> dict[str, str]:
    """Return the header with which a proxy forwards a request from this address."""
    return {"X-Forwarded-For": address}


async def test_client_is_refused_for_now_when_the_node_or_its_address_is_full(chat: Chat) -> None:
    """The limits count admitted clients. The code names the limit; the address is checked last."""
    alice = await chat.client("alice", extraHeaders=behind("192.0.2.1"))
    await chat.client("bob", extraHeaders=behind("192.0.2.1"))
    carols = {"token": await chat.token("carol")}

    neighbour = chat.connecting("carol", carols, extraHeaders=behind("192.0.2.1"))
    of_address = await neighbour.sees("error")
    reason = await neighbour.sees("disconnect")
    neighbour.disconnect()
    dave = await chat.client("dave", extraHeaders=behind("192.0.2.2"))
    admitted = await dave.ask("message:getOfflineCount")
    stranger = chat.connecting("carol", carols, extraHeaders=behind("192.0.2.3"))
    of_node = await stranger.sees("error")
    async with raw_socket(chat.server, behind("192.0.2.4")) as raw:
        await raw.connect(carols["token"])
        _, close_code = await raw.closed()
    alice.disconnect()

    expected = {"message": "authentication failed", "detail": A_TEXT, "temporary": True}
    assert {"code": "address_full"} | expected == without_retry(of_address)
    assert {"code": "node_full"} | expected == without_retry(of_node)
    assert 1_000 <= of_node["retryAfterMs"] <= 5_000
    assert ("transport close", 1013) == (reason, close_code)
    assert "data" in admitted
    await stranger.admitted()


def without_retry(error: dict[str, object]) -> dict[str, object]:
    return {name: value for name, value in error.items() if name != "retryAfterMs"}
