"""Compiles the client of docs/refreshing-tokens.md, as a reader would, and tests it."""

from collections.abc import Iterator
from datetime import datetime, timedelta
from pathlib import Path

import pytest
import pytest_asyncio

from app.domain.principal import CLOCK_SKEW_SECONDS
from tests.copied_checkout import CHECKOUT
from tests.e2e.chat_groups import Chat, Chats
from tests.e2e.js_client import JS_FOLDER, JsClient, JsDriver
from tests.e2e.server_process import Serve, ServerProcess
from tests.run_program import run_program
from tests.unit.docs.markdown import blocks

PAGE = CHECKOUT / "docs" / "refreshing-tokens.md"

STRICT = (
    *("--strict", "--noUncheckedIndexedAccess", "--noImplicitReturns"),
    *("--noUnusedLocals", "--noUnusedParameters"),
    *("--target", "es2022", "--module", "nodenext"),
)

GRACE_SECONDS = 1
LIFE = timedelta(seconds=10)
"""A time that is longer than a token's lifetime, the clock skew and the grace period together."""

SHORT_LIVED = 3
"""A token's lifetime in seconds."""
TOO_OLD = -60

REFUSED: dict[str, object] = {"userId": ""}
"""A token request that the issuer refuses. This simulates an unreachable issuer."""


def tokens(chat: Chat, ttl_seconds: int = SHORT_LIVED, name: str = "alice") -> dict[str, object]:
    """Return a token request for the issuer. All tokens of a user have the same session id."""
    user_id = chat.user_id(name)
    return {"userId": user_id, "sessionId": f"sess_{user_id}", "ttlSeconds": ttl_seconds}


@pytest.fixture(scope="session")
def module(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The page's client, compiled to JavaScript and checked against socket.io-client's types."""
    folder = tmp_path_factory.mktemp("client")
    (folder / "node_modules").symlink_to(JS_FOLDER / "node_modules")
    (folder / "package.json").write_text('{"type": "module"}')
    (block,) = blocks(PAGE, "ts")
    (folder / "client.ts").write_text(block.code)

    compiler = JS_FOLDER / "node_modules" / ".bin" / "tsc"
    compiled = run_program([compiler, *STRICT, "client.ts"], folder)

    assert 0 == compiled.returncode, compiled.stdout
    return folder / "client.js"


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def server(serve: Serve) -> ServerProcess:
    """A server with a short grace period that allows one socket per user."""
    return await serve(AUTH_EXPIRY_GRACE_SECONDS=str(GRACE_SECONDS), MAX_SOCKETS_PER_USER="1")


@pytest.fixture
def alice(chat: Chat, driver: JsDriver, module: Path) -> Iterator[JsClient]:
    """The client from the docs page. Each of its tokens is valid for three seconds."""
    alice = driver.connect_refreshing(chat.server.url, module, tokens(chat))
    yield alice
    alice.disconnect()


async def test_client_stays_connected_when_its_tokens_live_three_seconds(
    chat: Chat, alice: JsClient
) -> None:
    """The client keeps the same connection for ten seconds, and no event is refused."""
    assert timedelta(seconds=SHORT_LIVED + CLOCK_SKEW_SECONDS + GRACE_SECONDS) < LIFE
    answers = []

    first = last = await expiry(alice)
    while last < first + LIFE:
        answers.append(await alice.ask("typing:get", {"channelId": chat.general}))
        last = await expiry(alice)

    assert [{"data": []}] * len(answers) == answers
    assert {"connect", "auth:expiring", "ack"} == set(alice.events)
    assert 1 == alice.events.count("connect")


async def expiry(client: JsClient) -> datetime:
    """Wait for the next warning, and return the time of expiry in it."""
    return datetime.fromisoformat((await client.sees("auth:expiring"))["expiresAt"])


async def test_client_comes_back_when_the_server_has_ended_its_session(
    chat: Chat, alice: JsClient
) -> None:
    """After ``io server disconnect``, the client connects with a new token."""
    await alice.sees("connect")

    alice.wants(REFUSED)
    error = await alice.sees("error")
    reason = await alice.sees("disconnect")
    alice.wants(tokens(chat))
    await alice.sees("connect")

    assert ("token_expired", "io server disconnect") == (error["code"], reason)
    assert {"data": []} == await alice.ask("typing:get", {"channelId": chat.general})


async def test_client_comes_back_when_it_was_refused_by_connect_error(
    chats: Chats, serve: Serve, driver: JsDriver, module: Path
) -> None:
    """In the failure mode `connect_error`, a refused client receives no ``disconnect``."""
    chat = chats.on(await serve(AUTH_FAILURE_MODE="connect_error"))
    alice = driver.connect_refreshing(chat.server.url, module, tokens(chat, TOO_OLD))

    refusal = await alice.sees("connect_error")
    alice.wants(tokens(chat))
    await alice.sees("connect")

    assert "token_expired" == refusal["data"]["code"]
    assert {"data": []} == await alice.ask("typing:get", {"channelId": chat.general})
    alice.disconnect()


async def test_client_comes_back_when_its_refusal_was_temporary(
    chat: Chat, driver: JsDriver, module: Path
) -> None:
    """The client waits for the retry time that the refusal contains."""
    other = await chat.client("alice")
    alice = driver.connect_refreshing(chat.server.url, module, tokens(chat))

    error = await alice.sees("error")
    reason = await alice.sees("disconnect")
    other.disconnect()
    await alice.admitted()

    assert ("too_many_sockets", True) == (error["code"], error["temporary"])
    assert "transport close" == reason
    alice.disconnect()


async def test_client_stays_connected_when_no_token_is_available_at_first(
    chat: Chat, alice: JsClient
) -> None:
    """The client requests a token again before its old token expires."""
    await alice.sees("connect")
    alice.wants(REFUSED)

    await alice.sees("no_token")
    alice.wants(tokens(chat))
    await alice.sees("auth:expiring")
    await alice.sees("auth:expiring")

    assert {"data": []} == await alice.ask("typing:get", {"channelId": chat.general})
    assert "disconnect" not in alice.events


async def test_client_connects_when_no_token_is_available_at_first(
    chat: Chat, driver: JsDriver, module: Path
) -> None:
    """The client closes the connection for which it has no token, and opens a new one later."""
    alice = driver.connect_refreshing(chat.server.url, module, REFUSED)

    await alice.sees("no_token")
    alice.wants(tokens(chat))
    await alice.sees("connect")

    assert {"data": []} == await alice.ask("typing:get", {"channelId": chat.general})
    alice.disconnect()


async def test_client_ends_when_its_user_is_revoked(chat: Chat, alice: JsClient) -> None:
    """A revoked client does not reconnect."""
    await alice.sees("connect")

    finished = await chat.server.command("revoke", "--user", chat.user_id("alice"))
    end = await alice.sees("end")

    assert 0 == finished.code
    assert {"code": "revoked", "detail": "The token was revoked; sign in again."} == end
    assert 1 == alice.events.count("connect")


async def test_client_ends_when_somebody_else_has_signed_in(chat: Chat, alice: JsClient) -> None:
    """The client does not continue Alice's connection with Bob's token."""
    await alice.sees("connect")

    alice.wants(tokens(chat, name="bob"))
    end = await alice.sees("end")

    assert "subject_changed" == end["code"]
    assert 1 == alice.events.count("connect")


async def test_client_ends_when_its_user_has_signed_out(alice: JsClient) -> None:
    """After the grace period, the client has no token with which it could reconnect."""
    await alice.sees("connect")

    alice.wants(None)
    await alice.sees("error")
    end = await alice.sees("end")

    assert "signed_out" == end["code"]
    assert 1 == alice.events.count("connect")
