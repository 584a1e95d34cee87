import asyncio
import time
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path

import pytest
import pytest_asyncio

from app.adapters.clerk.jwks_client import COLD_SECONDS, JwksClient
from app.adapters.clerk.token_verifier import ClerkTokenVerifier
from app.adapters.system.clock import SystemClock
from app.config.settings import Settings
from app.domain.principal import Principal
from app.framework import EngineOptions, IoOptions
from app.framework.testing import Test
from app.modules import create_app_module
from app.ports import TokenVerifier
from app.sockets.authenticated_socket import AuthenticatedSocket
from tests.deadlines import ANSWER_SECONDS
from tests.e2e.clerk import PRODUCTION, clerk_token
from tests.e2e.conftest import GENEROUS
from tests.e2e.hostile.probe_server import eventually
from tests.e2e.hostile.raw_client import CLOSE, RawClient, packet, websocket_client
from tests.e2e.server_process import ServerProcess, running
from tests.unit.adapters.clerk.key_server import KeyServer, key_set
from tests.unit.adapters.clerk.signed_tokens import ISSUER, KEY_ID, PARTY, jwk

CROWD = 500
SECOND_KEY_ID = "ins_second"


@pytest_asyncio.fixture(loop_scope="session")
async def issuer() -> AsyncIterator[KeyServer]:
    """A key set endpoint that replaces Clerk's endpoint."""
    issuer = KeyServer()
    await issuer.start()
    yield issuer
    await issuer.stop()


@pytest_asyncio.fixture(loop_scope="session")
async def server(tmp_path: Path, issuer: KeyServer) -> AsyncIterator[ServerProcess]:
    """A production server that has not fetched any keys."""
    keys = {"CLERK_JWT_KEY": "", "CLERK_JWKS_URL": issuer.url()}
    mode = {"AUTH_FAILURE_MODE": "connect_error"}
    async with running(tmp_path, {**PRODUCTION, **GENEROUS, **keys, **mode}) as server:
        yield server


@pytest_asyncio.fixture(loop_scope="session")
async def warm_server(server: ServerProcess, issuer: KeyServer) -> ServerProcess:
    """A server that fetched the keys for its first client some time ago."""
    async with crowd(server, 1) as clients:
        assert Counter(admitted=1) == await answers(clients, KEY_ID)
    # Unknown keys cause another fetch only when this time has passed since the last fetch.
    over_at = time.monotonic() + COLD_SECONDS
    await eventually(lambda: time.monotonic() >= over_at, time.monotonic)
    assert 1 == issuer.requests
    return server


@asynccontextmanager
async def crowd(server: ServerProcess, size: int = CROWD) -> AsyncIterator[list[RawClient]]:
    """Open clients that have not sent CONNECT."""
    async with AsyncExitStack() as stack:
        yield [await stack.enter_async_context(websocket_client(server.url)) for _ in range(size)]


async def answers(clients: list[RawClient], *key_ids: str) -> Counter[str]:
    """Authenticate all clients at once, each as a different user, and count the results.

    The tokens are signed with the keys in turn.
    """
    tokens = [
        clerk_token({"sub": f"user_{number}"}, key_id=key_ids[number % len(key_ids)])
        for number in range(len(clients))
    ]
    async with asyncio.timeout(ANSWER_SECONDS):
        for client, token in zip(clients, tokens, strict=True):
            client.connect({"token": token})
        return Counter(await asyncio.gather(*map(_answer, clients)))


async def _answer(client: RawClient) -> str:
    opcode, payload = await client.receive_frame()
    if opcode == CLOSE:
        return "closed"
    head, data = packet(payload.decode())
    return "admitted" if head == "40" else str(data["data"]["code"])


async def _go_down(issuer: KeyServer) -> None:
    await issuer.stop()


async def _hang(issuer: KeyServer) -> None:
    issuer.may_answer.clear()


async def _talk_nonsense(issuer: KeyServer) -> None:
    issuer.body = b"<html>maintenance</html>"


Breakdown = Callable[[KeyServer], Awaitable[None]]

breakdowns = pytest.mark.parametrize("break_down", [_go_down, _hang, _talk_nonsense])


async def test_crowd_is_admitted_by_one_fetch_when_the_server_has_just_started(
    server: ServerProcess, issuer: KeyServer
) -> None:
    """All clients wait for the same fetch."""
    async with crowd(server) as clients:
        answered = await answers(clients, KEY_ID)

    assert Counter(admitted=CROWD) == answered
    assert 1 == issuer.requests


async def test_crowd_is_admitted_without_a_fetch_when_the_key_is_known(
    warm_server: ServerProcess, issuer: KeyServer
) -> None:
    async with crowd(warm_server) as clients:
        answered = await answers(clients, KEY_ID)

    assert Counter(admitted=CROWD) == answered
    assert 1 == issuer.requests


async def test_crowd_is_admitted_by_one_fetch_when_the_keys_were_rotated(
    warm_server: ServerProcess, issuer: KeyServer
) -> None:
    """Tokens of the old key stay valid, and tokens of the new key are valid as well."""
    issuer.body = key_set(jwk(KEY_ID), jwk(SECOND_KEY_ID))

    async with crowd(warm_server) as clients:
        answered = await answers(clients, SECOND_KEY_ID, KEY_ID)

    assert Counter(admitted=CROWD) == answered
    assert 2 == issuer.requests


@breakdowns
async def test_crowd_is_refused_temporarily_when_there_is_no_key_yet(
    server: ServerProcess, issuer: KeyServer, break_down: Breakdown
) -> None:
    """The refusals are temporary, and cause at most one fetch."""
    await break_down(issuer)

    async with crowd(server) as clients:
        answered = await answers(clients, KEY_ID)

    assert Counter(closed=CROWD) == answered
    assert issuer.requests <= 1


@breakdowns
async def test_crowd_is_admitted_when_its_key_is_known_and_the_endpoint_broken(
    warm_server: ServerProcess, issuer: KeyServer, break_down: Breakdown
) -> None:
    """Clients with an unknown key are refused temporarily."""
    await break_down(issuer)

    async with crowd(warm_server) as clients:
        answered = await answers(clients, KEY_ID, SECOND_KEY_ID)

    assert Counter(admitted=CROWD // 2, closed=CROWD // 2) == answered
    assert issuer.requests <= 2


class _CountingVerifier(TokenVerifier):
    """Counts the verifications of a real verifier."""

    def __init__(self, keys: JwksClient, clock: SystemClock) -> None:
        self.verifications = 0
        self._verifier = ClerkTokenVerifier(
            keys,
            clock,
            ISSUER,
            [PARTY],
            allow_missing_party=False,
            audience=(),
            accept_template_tokens=False,
            max_token_seconds=3_600,
        )

    async def verify(self, token: str) -> Principal:
        self.verifications += 1
        return await self._verifier.verify(token)

    def claimed_expiry(self, token: str) -> float:
        return self._verifier.claimed_expiry(token)


async def test_session_costs_one_fetch_and_one_verification_when_it_sends_5000_events(
    issuer: KeyServer,
) -> None:
    """The guard checks each event without a fetch or verification.

    The server runs in the test's process.
    """
    clock = SystemClock()
    keys = JwksClient(issuer.url(), clock)
    verifier = _CountingVerifier(keys, clock)
    settings = Settings(
        database_url="memory:",
        clerk_jwks_url=issuer.url(),
        clerk_issuer=ISSUER,
        clerk_authorized_parties=(PARTY,),
        rate_limit_events_per_second=100_000,
        rate_limit_burst=100_000,
    )
    module = Test.create_testing_module(create_app_module(settings))
    application = (
        module.override_provider(TokenVerifier)
        .use_value(verifier)
        .compile()
        .create_nest_application(
            IoOptions(
                socket_class=AuthenticatedSocket,
                engine=EngineOptions(max_packets_per_second=100_000),
            )
        )
    )
    url = await application.listen(0)

    async with websocket_client(url) as client:
        client.connect({"token": clerk_token()})
        assert "40" == (await client.receive_packet())[0]
        for _ in range(50):
            client.send(*100 * ['421["message:getOfflineCount"]'])
            for _ in range(100):
                head, data = await client.receive_packet()
                assert ("431", [{"data": {"channels": {}, "count": 0}}]) == (head, data)
    await application.close()
    await keys.on_application_shutdown(None)

    assert 1 == verifier.verifications
    assert 1 == issuer.requests
