from collections.abc import AsyncIterator
from typing import Any

import pytest
from aiohttp import web
from aiohttp.test_utils import TestClient, TestServer

from app.adapters.memory.memory_channel_repository import MemoryChannelRepository
from app.adapters.memory.memory_store import MemoryStore
from app.controllers.health_controller import HealthController
from app.domain.errors import Unavailable
from app.domain.ids import ChannelId, UserId
from app.framework.http import routes_of

READY = ["/health/ready", "/health"]

Client = TestClient[web.Request, web.Application]


class _Channels(MemoryChannelRepository):
    """Answers until it is told not to."""

    available = True

    async def channels_of(self, user_id: UserId) -> tuple[ChannelId, ...]:
        if not self.available:
            raise Unavailable
        return await super().channels_of(user_id)


@pytest.fixture
def channels() -> _Channels:
    """The storage behind the controller."""
    return _Channels(MemoryStore())


@pytest.fixture
def health(channels: _Channels) -> HealthController:
    """The controller."""
    return HealthController(channels)


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
    client: Client, channels: _Channels, path: str
) -> None:
    """And ready again when it is back; alive all the while."""
    channels.available = False

    assert (503, {"status": "unavailable", "reason": "storage unavailable"}) == await answer(
        client, path
    )
    assert 200 == (await answer(client, "/health/live"))[0]
    channels.available = True
    assert 200 == (await answer(client, path))[0]


@pytest.mark.parametrize("path", READY)
async def test_health_is_not_ready_when_it_is_draining(
    client: Client, health: HealthController, path: str
) -> None:
    """From the first closing hook on, so that a balancer sends nobody here any more."""
    await health.on_module_destroy()

    assert (503, {"status": "unavailable", "reason": "draining"}) == await answer(client, path)
    assert 200 == (await answer(client, "/health/live"))[0]
