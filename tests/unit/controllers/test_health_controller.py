import asyncio
from collections.abc import AsyncIterator
from typing import Any

import pytest
from aiohttp import web
from aiohttp.test_utils import TestClient, TestServer

from app.adapters.memory.single_node import SingleNode
from app.controllers.health_controller import REUSE_SECONDS, HealthController
from app.domain.errors import Unavailable
from app.framework.core.http.router import routes_of
from app.ports import StorageProbe
from app.services.token_blacklist_service import TokenBlacklistService
from tests.doubles.manual_clock import ManualClock

READY = ["/health/ready", "/health"]

Client = TestClient[web.Request, web.Application]


class _Storage(StorageProbe):
    """A storage probe that fails on demand."""

    available = True

    def __init__(self) -> None:
        self.checks = 0
        self.asked = asyncio.Event()
        self.may_answer = asyncio.Event()
        self.may_answer.set()

    async def check(self) -> None:
        self.checks += 1
        self.asked.set()
        await self.may_answer.wait()
        if not self.available:
            raise Unavailable


class _Revocations(TokenBlacklistService):
    """A blacklist that fails on demand."""

    available = True

    def __init__(self) -> None:
        self.checks = 0

    async def is_available(self) -> bool:
        self.checks += 1
        return self.available


class _Nodes(SingleNode):
    """The other nodes; a test sets whether they are reached."""

    connected = True
    clustered = False

    @property
    def is_connected(self) -> bool:
        return self.connected

    @property
    def is_clustered(self) -> bool:
        return self.clustered


@pytest.fixture
def nodes() -> _Nodes:
    return _Nodes()


@pytest.fixture
def revocations() -> _Revocations:
    return _Revocations()


@pytest.fixture
def storage() -> _Storage:
    return _Storage()


@pytest.fixture
def admits_unchecked() -> bool:
    """Whether clients are admitted without a revocation check (REVOCATION_UNAVAILABLE=admit)."""
    return False


@pytest.fixture
def clock() -> ManualClock:
    """The clock that measures the age of reused results."""
    return ManualClock()


@pytest.fixture
def health(
    storage: _Storage,
    revocations: _Revocations,
    nodes: _Nodes,
    clock: ManualClock,
    admits_unchecked: bool,  # noqa: FBT001 - a fixture
) -> HealthController:
    return HealthController(storage, revocations, nodes, clock, admits_unchecked=admits_unchecked)


@pytest.fixture
async def client(health: HealthController) -> AsyncIterator[Client]:
    app = web.Application()
    app.router.add_routes(routes_of(health))
    async with TestClient(TestServer(app)) as client:
        yield client


async def answer(client: Client, path: str) -> tuple[int, Any]:
    response = await client.get(path)
    return response.status, await response.json()


@pytest.mark.parametrize("path", ["/health/live", *READY])
async def test_health_is_ok_when_everything_answers(client: Client, path: str) -> None:
    assert (200, {"status": "ok"}) == await answer(client, path)


@pytest.mark.parametrize("path", READY)
async def test_health_is_not_ready_when_the_storage_is_gone(
    client: Client, storage: _Storage, clock: ManualClock, path: str
) -> None:
    """The server becomes ready again with the storage. Its liveness never fails meanwhile."""
    storage.available = False

    assert (503, {"status": "unavailable", "reason": "storage unavailable"}) == await answer(
        client, path
    )
    assert 200 == (await answer(client, "/health/live"))[0]
    storage.available = True
    clock.advance(REUSE_SECONDS)
    assert 200 == (await answer(client, path))[0]


@pytest.mark.parametrize("path", READY)
async def test_health_is_not_ready_when_revocations_cannot_be_read(
    client: Client, revocations: _Revocations, clock: ManualClock, path: str
) -> None:
    """A server that must reject every new client is not ready."""
    revocations.available = False

    assert (503, {"status": "unavailable", "reason": "revocations unavailable"}) == await answer(
        client, path
    )
    revocations.available = True
    clock.advance(REUSE_SECONDS)
    assert 200 == (await answer(client, path))[0]


@pytest.mark.parametrize("admits_unchecked", [True])
@pytest.mark.parametrize("path", READY)
async def test_health_is_degraded_when_clients_are_admitted_unchecked(
    client: Client, revocations: _Revocations, path: str
) -> None:
    """Clients can connect, and the status shows operators that revocations are not checked."""
    revocations.available = False

    reason = "revocations unavailable: clients are admitted unchecked"
    assert (200, {"status": "degraded", "reason": reason}) == await answer(client, path)


@pytest.mark.parametrize("path", READY)
async def test_node_of_a_cluster_is_degraded_when_it_must_refuse_new_clients(
    client: Client, nodes: _Nodes, revocations: _Revocations, path: str
) -> None:
    """All nodes need the same Redis, so no other node could admit the clients."""
    nodes.clustered = True
    revocations.available = False

    reason = "revocations unavailable: new clients are refused"
    assert (200, {"status": "degraded", "reason": reason}) == await answer(client, path)


@pytest.mark.parametrize("path", READY)
async def test_health_is_degraded_when_other_nodes_are_not_reached(
    client: Client, nodes: _Nodes, path: str
) -> None:
    """This node's clients still receive this node's events."""
    nodes.connected = False

    reason = "other nodes are not reached"
    assert (200, {"status": "degraded", "reason": reason}) == await answer(client, path)


@pytest.mark.parametrize("admits_unchecked", [True])
async def test_health_is_not_ready_when_the_storage_is_gone_too(
    client: Client, storage: _Storage, revocations: _Revocations
) -> None:
    """Without storage, the server admits no client, whatever REVOCATION_UNAVAILABLE says."""
    storage.available = revocations.available = False

    assert 503 == (await answer(client, "/health/ready"))[0]


@pytest.mark.parametrize("path", READY)
async def test_health_is_not_ready_when_it_is_draining(
    client: Client, health: HealthController, path: str
) -> None:
    """Load balancers must send no new clients once the shutdown has begun."""
    await health.on_module_destroy()

    assert (503, {"status": "unavailable", "reason": "draining"}) == await answer(client, path)
    assert 200 == (await answer(client, "/health/live"))[0]


async def test_health_probes_once_when_many_ask_together(
    client: Client, storage: _Storage, revocations: _Revocations
) -> None:
    """Concurrent health requests share one probe, and so one database connection."""
    storage.may_answer.clear()
    asking = [asyncio.create_task(answer(client, READY[each % 2])) for each in range(20)]
    await storage.asked.wait()
    storage.may_answer.set()

    answers = await asyncio.gather(*asking)

    assert [(200, {"status": "ok"})] * 20 == answers
    assert (1, 1) == (storage.checks, revocations.checks)


@pytest.mark.parametrize("available", [True, False])
async def test_health_reuses_a_result_when_it_is_less_than_a_second_old(
    client: Client, storage: _Storage, clock: ManualClock, *, available: bool
) -> None:
    """A failure is reused too, so that requests do not all query a database that hangs."""
    storage.available = available
    first = await answer(client, "/health/ready")
    clock.advance(REUSE_SECONDS / 2)
    second = await answer(client, "/health")
    checks = storage.checks
    clock.advance(REUSE_SECONDS / 2)
    await answer(client, "/health/ready")

    assert first == second
    assert (1, 2) == (checks, storage.checks)


async def test_health_is_not_ready_at_once_when_draining_begins_after_a_good_result(
    client: Client, health: HealthController
) -> None:
    """During draining, an earlier good result is not reused."""
    await answer(client, "/health/ready")
    await health.on_module_destroy()

    assert 503 == (await answer(client, "/health/ready"))[0]
