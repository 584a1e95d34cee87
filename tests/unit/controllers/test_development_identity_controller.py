import json
from base64 import urlsafe_b64decode
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web
from aiohttp.test_utils import TestClient, TestServer

from app.adapters.development.issuer import DevelopmentIssuer
from app.adapters.memory.channel_repository import MemoryChannelRepository
from app.adapters.memory.store import MemoryStore
from app.controllers.development_identity_controller import DevelopmentIdentityController
from app.domain.ids import ChannelId, UserId
from app.framework.core.http.router import routes_of
from tests.doubles.manual_clock import DEFAULT_START, ManualClock

ORIGIN = "http://localhost:3000"
GENERAL, RANDOM = ChannelId("general"), ChannelId("random")
MAX_CHARS = 4_000
NOW = int(DEFAULT_START.timestamp())

Client = TestClient[web.Request, web.Application]


@pytest.fixture
def issuer(tmp_path: Path) -> DevelopmentIssuer:
    return DevelopmentIssuer(tmp_path, "http://127.0.0.1:3002", ORIGIN, ManualClock())


@pytest.fixture
async def client(issuer: DevelopmentIssuer) -> AsyncIterator[Client]:
    channels = MemoryChannelRepository(MemoryStore())
    await channels.seed({UserId("user_bob"): [RANDOM, GENERAL], UserId("user_alice"): []})
    app = web.Application()
    controller = DevelopmentIdentityController(issuer, channels, (ORIGIN,), MAX_CHARS)
    app.router.add_routes(routes_of(controller))
    async with TestClient(TestServer(app)) as client:
        yield client


async def claims_for(client: Client, wanted: dict[str, Any]) -> dict[str, Any]:
    """Request a token, and return its claims."""
    response = await client.post("/dev/token", json=wanted)
    assert 200 == response.status
    token: str = (await response.json())["token"]
    claims: dict[str, Any] = json.loads(urlsafe_b64decode(token.split(".")[1] + "=="))
    return claims


async def test_jwks_is_the_issuers_when_a_verifier_asks(
    client: Client, issuer: DevelopmentIssuer
) -> None:
    """The key set is at the same path as Clerk's key set."""
    response = await client.get("/.well-known/jwks.json")

    assert (200, issuer.jwks()) == (response.status, await response.json())


async def test_token_is_the_users_when_somebody_here_asks(client: Client) -> None:
    """By default a development token expires after a minute."""
    claims = await claims_for(client, {"userId": "user_alice"})

    assert ("user_alice", NOW + 60) == (claims["sub"], claims["exp"])


async def test_token_has_session_and_life_as_wished_when_they_are_given(client: Client) -> None:
    """A negative lifetime gives an expired token, which developers can use to test expiry."""
    claims = await claims_for(
        client, {"userId": "user_alice", "sessionId": "sess_1", "ttlSeconds": -5}
    )

    assert ("sess_1", NOW - 5) == (claims["sid"], claims["exp"])


@pytest.mark.parametrize(
    ("body", "path"),
    [
        ("", ""),
        ("no json", ""),
        ("[]", ""),
        ("{}", "userId"),
        ('{"userId": ""}', "userId"),
        ('{"userId": 5}', "userId"),
        ('{"userId": "a", "ttlSeconds": 86401}', "ttlSeconds"),
        ('{"userId": "a", "sessionId": 5}', "sessionId"),
    ],
)
async def test_token_is_refused_with_a_sentence_when_the_wish_is_malformed(
    client: Client, body: str, path: str
) -> None:
    """The response names the invalid field, and describes a valid request."""
    response = await client.post("/dev/token", data=body)

    refusal = await response.json()
    assert (400, 400) == (response.status, refusal["statusCode"])
    assert 'Send {"userId": "user_alice"} as JSON.' == refusal["message"]
    assert [path] == [field["path"] for field in refusal["fields"]]


@pytest.mark.parametrize(
    "headers",
    [
        {"Host": "evil.example"},
        {"Host": "127.0.0.1.evil.example"},
        {"Host": "evil.example", "Origin": "http://evil.example"},
        {"Host": "localhost:3002", "Origin": "http://localhost:8080"},
        {"Origin": "http://evil.example"},
        {"Origin": "null"},
        {"X-Forwarded-For": "203.0.113.5"},
    ],
)
async def test_token_is_forbidden_when_the_request_comes_from_elsewhere(
    client: Client, headers: dict[str, str]
) -> None:
    """Requests from a foreign page, through DNS rebinding or through a proxy get no token."""
    response = await client.post("/dev/token", json={"userId": "a"}, headers=headers)

    assert 403 == response.status
    assert "token" not in (await response.text()).lower()


@pytest.mark.parametrize(
    "headers",
    [
        {"Origin": ORIGIN},
        {"Host": "localhost:3002"},
        {"Host": "[::1]:3002", "Origin": "http://[::1]:3002"},
        {},
    ],
)
async def test_token_is_given_when_the_request_comes_from_here(
    client: Client, headers: dict[str, str]
) -> None:
    """The application's page and command lines on this machine can get a token."""
    response = await client.post("/dev/token", json={"userId": "a"}, headers=headers)

    assert 200 == response.status


async def test_users_are_listed_with_their_channels_when_the_page_asks(client: Client) -> None:
    """The users are sorted by id, and include users without channels."""
    response = await client.get("/dev/users")

    alice = {"id": "user_alice", "name": "Alice", "channels": []}
    bob = {"id": "user_bob", "name": "Bob", "channels": ["general", "random"]}
    assert {"users": [alice, bob], "messageMaxChars": MAX_CHARS} == await response.json()


async def test_users_are_forbidden_when_the_request_comes_from_elsewhere(client: Client) -> None:
    response = await client.get("/dev/users", headers={"Host": "evil.example"})

    assert 403 == response.status
