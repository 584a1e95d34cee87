"""Redis servers that a test may stop or freeze, and connections to them."""

from collections.abc import AsyncIterator, Iterator

import pytest

from app.adapters.redis.connection import RedisConnection
from app.adapters.system.clock import SystemClock
from tests.redis_server import RedisServer

TIMEOUT_SECONDS = 1.0
"""A timeout that a working Redis never reaches. It is short, because most tests wait for it."""


@pytest.fixture
def own_server() -> Iterator[RedisServer]:
    """A Redis server that only this test uses, so the test may stop or freeze it."""
    server = RedisServer()
    yield server
    server.stop()


@pytest.fixture
async def connection(redis_server: RedisServer) -> AsyncIterator[RedisConnection]:
    """An open connection with a long timeout to the shared server, which is empty."""
    connection = RedisConnection(redis_server.url, 10.0, SystemClock())
    await connection.on_module_init()
    yield connection
    await connection.on_application_shutdown(None)


@pytest.fixture
async def own_connection(own_server: RedisServer) -> AsyncIterator[RedisConnection]:
    """An open connection with a short timeout to the test's own server."""
    connection = RedisConnection(own_server.url, TIMEOUT_SECONDS, SystemClock())
    await connection.on_module_init()
    yield connection
    await connection.on_application_shutdown(None)
