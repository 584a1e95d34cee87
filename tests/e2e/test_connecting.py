import pytest

from tests.e2e.chat_groups import Chat
from tests.e2e.clerk import clerk_token


async def test_client_is_connected_when_it_sends_the_raw_token(chat: Chat) -> None:
    """The connection code of the design document works unchanged."""
    alice = chat.connecting("alice", {"token": await chat.token("alice")})

    await alice.sees("connect")

    assert not await alice.has_seen("error")


async def test_client_is_connected_when_auth_is_a_function(chat: Chat) -> None:
    """``auth: (cb) => cb({token})`` gives a new token for every reconnection."""
    token = await chat.token("alice")

    alice = chat.connecting("alice", {"token": token}, authCallback=True)
    await alice.sees("connect")

    assert not await alice.has_seen("error")


@pytest.mark.parametrize("auth", [None, {}, {"token": ""}, {"token": None}])
async def test_client_is_refused_when_there_is_no_token(chat: Chat, auth: object) -> None:
    """The client receives connect, error and disconnect, and does not reconnect by itself."""
    alice = chat.connecting("alice", auth)

    reason = await alice.sees("disconnect")

    assert ["connect", "error", "disconnect"] == alice.events
    assert "io server disconnect" == reason
    assert {
        "message": "authentication required",
        "code": "token_missing",
        "detail": "Send the session token as auth.token when connecting.",
    } == await alice.sees("error")


async def test_client_is_refused_when_the_token_has_a_bearer_prefix(chat: Chat) -> None:
    """The text of the error mentions the prefix, which is a common mistake."""
    error = await chat.refusal({"token": f"Bearer {await chat.token('alice')}"})

    assert "authentication failed" == error["message"]
    assert "bearer_prefix" == error["code"]
    assert "'Bearer '" in error["detail"]


async def test_client_is_refused_when_its_key_is_not_published(chat: Chat) -> None:
    """The key set of the development issuer does not contain the token's key."""
    token = clerk_token({"iss": chat.server.url, "azp": "http://localhost:3000"})

    error = await chat.refusal({"token": token})

    assert ("authentication failed", "token_key_unknown") == (error["message"], error["code"])


async def test_client_gets_connect_error_when_the_namespace_is_foreign(chat: Chat) -> None:
    """The error has the same message as in Socket.IO for Node.js."""
    token = await chat.token("alice")

    alice = chat.connecting("alice", {"token": token}, namespace="/admin")

    assert {"message": "Invalid namespace"} == await alice.sees("connect_error")
