from collections.abc import AsyncIterator

import pytest

from app.adapters.clerk.jwks_client import JwksClient
from tests.doubles.manual_clock import ManualClock
from tests.unit.adapters.clerk.key_server import KeyServer


@pytest.fixture
async def server() -> AsyncIterator[KeyServer]:
    """An endpoint that publishes the first key."""
    server = KeyServer()
    await server.start()
    yield server
    await server.stop()


@pytest.fixture
def clock() -> ManualClock:
    """Time that the test moves."""
    return ManualClock()


@pytest.fixture
async def keys(server: KeyServer, clock: ManualClock) -> AsyncIterator[JwksClient]:
    """A client that has fetched nothing yet."""
    keys = JwksClient(server.url(), clock)
    yield keys
    await keys.on_application_shutdown(None)
