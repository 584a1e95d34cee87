import time

import pytest
import pytest_asyncio
from aiohttp import ClientSession

from tests.e2e.chat_groups import Chat, Chats
from tests.e2e.clerk import PRODUCTION, clerk_token
from tests.e2e.server_process import Serve, ServerProcess, run_command
from tests.free_port import free_port
from tests.unit.adapters.clerk import signed_tokens


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def server(serve: Serve) -> ServerProcess:
    """A production server with Clerk's public key in its settings."""
    return await serve(**PRODUCTION)


async def test_clients_chat_when_clerk_signed_their_tokens(chat: Chat) -> None:
    """The server verifies tokens with the key in the settings, without a network request."""
    alice, bob = [
        chat.connecting(name, {"token": clerk_token({"sub": chat.user_id(name)})})
        for name in ("alice", "bob")
    ]
    await bob.sees("connect")

    await alice.ask("sendMessage", {"content": "hello", "channelId": chat.general})

    assert chat.user_id("alice") == (await bob.sees("message.created"))["userId"]


@pytest.mark.parametrize(
    ("claims", "code"),
    [
        ({"exp": int(time.time()) - 6}, "token_expired"),
        ({"iss": "https://clerk.example.org"}, "token_issuer"),
        ({"azp": "https://evil.example.com"}, "token_party"),
    ],
)
async def test_client_is_refused_when_a_claim_is_wrong(
    chat: Chat, claims: dict[str, object], code: str
) -> None:
    """Each wrong claim has its own error code; all have the same message."""
    error = await chat.refusal({"token": clerk_token(claims)})

    assert ("authentication failed", code) == (error["message"], error["code"])
    assert error["detail"].endswith(".")


@pytest.mark.parametrize(
    ("header", "code"),
    [({"alg": "none"}, "token_signature"), ({"cat": "cl_B7d4PD333AAA"}, "token_kind")],
)
async def test_client_is_refused_when_the_header_is_wrong(
    chat: Chat, header: dict[str, object], code: str
) -> None:
    """The client is refused although the signature is valid."""
    error = await chat.refusal({"token": clerk_token(header=header)})

    assert ("authentication failed", code) == (error["message"], error["code"])


@pytest.mark.parametrize("token", ["nonsense", 5, "x" * 9000])
async def test_client_is_refused_when_the_token_is_none(chat: Chat, token: object) -> None:
    error = await chat.refusal({"token": token})

    assert ("authentication failed", "token_malformed") == (error["message"], error["code"])


async def test_client_is_refused_when_somebody_else_signed(chat: Chat) -> None:
    """The token is refused although its claims and key id are valid."""
    header, claims, _ = clerk_token().split(".")
    signature = signed_tokens.sign(b"{}", b"{}").rpartition(".")[2]

    error = await chat.refusal({"token": f"{header}.{claims}.{signature}"})

    assert ("authentication failed", "token_signature") == (error["message"], error["code"])


async def test_client_is_refused_when_the_keys_cannot_be_fetched(
    chats: Chats, serve: Serve
) -> None:
    nobody_listens = {
        "CLERK_JWT_KEY": "",
        "CLERK_JWKS_URL": f"http://127.0.0.1:{free_port()}/.well-known/jwks.json",
    }
    chat = chats.on(await serve(**PRODUCTION | nobody_listens))

    error = await chat.refusal({"token": clerk_token()})

    assert ("authentication failed", "keys_unavailable") == (error["message"], error["code"])
    chat.leave()


async def test_development_tokens_are_not_issued_when_in_production(
    chat: Chat, server: ServerProcess
) -> None:
    """Neither the command nor the HTTP endpoint issues a development token."""
    finished = await server.command("token", "user_alice")

    assert 1 == finished.code
    assert "" == finished.out
    with pytest.raises(AssertionError):
        await chat.token("alice")


@pytest.mark.parametrize("path", ["/", "/web/page.js", "/socket.io/socket.io.js", "/dev/users"])
async def test_page_is_not_found_when_in_production(server: ServerProcess, path: str) -> None:
    async with ClientSession() as http, http.get(f"{server.url}{path}") as answer:
        assert 404 == answer.status


async def test_server_names_what_is_missing_when_production_lacks_settings(
    server: ServerProcess,
) -> None:
    """The error is one line, which names all missing settings."""
    finished = await run_command(server.folder, {"APP_ENV": "production"}, "run")

    assert 1 == finished.code
    assert "Traceback" not in finished.err
    assert 1 == len(finished.err.splitlines())
    for name in (
        "CLERK_JWT_KEY or CLERK_JWKS_URL",
        "CLERK_ISSUER",
        "CLERK_AUTHORIZED_PARTIES",
        "CORS_ORIGINS",
        "DATABASE_URL",
    ):
        assert name in finished.err


async def test_operator_is_warned_when_settings_have_no_effect(
    serve: Serve,
) -> None:
    """Each warning is logged once per start, without secrets."""
    server = await serve(**PRODUCTION, SERVICE_KEY="hunter2" * 3)
    await server.stop()
    await server.start()

    assert 2 == server.err.count("nothing survives a restart: DATABASE_URL is memory:")
    assert "hunter2" not in server.err
