from collections.abc import AsyncIterator
from typing import Any

import pytest
from aiohttp import web
from aiohttp.test_utils import TestClient, TestServer

from app.controllers.health_controller import HealthController
from app.domain.errors import Unavailable
from app.framework.http import routes_of
from app.ports import StorageProbe
from app.services.token_blacklist_service import TokenBlacklistService

READY = ["/health/ready", "/health"]

Client = TestClient[web.Request, web.Application]


class _Storage(StorageProbe):
    """Can be written until it cannot."""

    available = True

    async def check(self) -> None:
        if not self.available:
            raise Unavailable


class _Revocations(TokenBlacklistService):
    """Can be read until they cannot."""

    available = True

    def __init__(self) -> None:
        """Nothing behind them."""

    async def is_available(self) -> bool:
        return self.available


@pytest.fixture
def revocations() -> _Revocations:
    """The revocations behind the controller."""
    return _Revocations()


@pytest.fixture
def storage() -> _Storage:
    """The storage behind the controller."""
    return _Storage()


@pytest.fixture
def admits_unchecked() -> bool:
    """``REVOCATION_UNAVAILABLE=refuse``."""
    return False


@pytest.fixture
def health(
    storage: _Storage,
    revocations: _Revocations,
    admits_unchecked: bool,  # noqa: FBT001 - a fixture
) -> HealthController:
    """The controller."""
    return HealthController(storage, revocations, admits_unchecked=admits_unchecked)


@pytest.fixture
async def client(health: HealthController) -> AsyncIterator[Client]:
    """A server with the controller alone."""
    app = web.Application()
    app.router.add_routes(routes_of(health))
    async with TestClient(TestServer(app)) as client:
        yield client


async def answer(client: Client, path: str) -> tuple[int, Any]:
    """Status and body."""
    response = await client.get(path)
    return response.status, await response.json()


@pytest.mark.parametrize("path", ["/health/live", *READY])
async def test_health_is_ok_when_everything_answers(client: Client, path: str) -> None:
    """200 with a word."""
    assert (200, {"status": "ok"}) == await answer(client, path)


@pytest.mark.parametrize("path", READY)
async def test_health_is_not_ready_when_the_storage_is_gone(
    client: Client, storage: _Storage, path: str
) -> None:
    """And ready again when it is back; alive all the while."""
    storage.available = False

    assert (503, {"status": "unavailable", "reason": "storage unavailable"}) == await answer(
        client, path
    )
    assert 200 == (await answer(client, "/health/live"))[0]
    storage.available = True
    assert 200 == (await answer(client, path))[0]


@pytest.mark.parametrize("path", READY)
async def test_health_is_not_ready_when_revocations_cannot_be_read(
    client: Client, revocations: _Revocations, path: str
) -> None:
    """Whoever connected now would be refused; ready again when they can be."""
    revocations.available = False

    assert (503, {"status": "unavailable", "reason": "revocations unavailable"}) == await answer(
        client, path
    )
    revocations.available = True
    assert 200 == (await answer(client, path))[0]


@pytest.mark.parametrize("admits_unchecked", [True])
@pytest.mark.parametrize("path", READY)
async def test_health_is_degraded_when_clients_are_admitted_unchecked(
    client: Client, revocations: _Revocations, path: str
) -> None:
    """Clients can come; operators can see at what price."""
    revocations.available = False

    reason = "revocations unavailable: clients are admitted unchecked"
    assert (200, {"status": "degraded", "reason": reason}) == await answer(client, path)


@pytest.mark.parametrize("admits_unchecked", [True])
async def test_health_is_not_ready_when_the_storage_is_gone_too(
    client: Client, storage: _Storage, revocations: _Revocations
) -> None:
    """Without it nobody is admitted, checked or not."""
    storage.available = revocations.available = False

    assert 503 == (await answer(client, "/health/ready"))[0]


@pytest.mark.parametrize("path", READY)
async def test_health_is_not_ready_when_it_is_draining(
    client: Client, health: HealthController, path: str
) -> None:
    """From the first closing hook on, so that a balancer sends nobody here any more."""
    await health.on_module_destroy()

    assert (503, {"status": "unavailable", "reason": "draining"}) == await answer(client, path)
    assert 200 == (await answer(client, "/health/live"))[0]
