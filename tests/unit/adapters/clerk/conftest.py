from collections.abc import AsyncIterator

import pytest

from app.adapters.clerk.jwks_client import JwksClient
from tests.doubles.manual_clock import ManualClock
from tests.unit.adapters.clerk.key_server import KeyServer


@pytest.fixture
async def server() -> AsyncIterator[KeyServer]:
    """A server that publishes the first key."""
    server = KeyServer()
    await server.start()
    yield server
    await server.stop()


@pytest.fixture
def clock() -> ManualClock:
    """A clock that moves only when a test advances it."""
    return ManualClock()


@pytest.fixture
async def keys(server: KeyServer, clock: ManualClock) -> AsyncIterator[JwksClient]:
    """A client that has not fetched any key."""
    keys = JwksClient(server.url(), clock)
    yield keys
    await keys.on_application_shutdown(None)
