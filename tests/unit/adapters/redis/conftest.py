"""Servers that a test may harm, and connections to them."""

from collections.abc import AsyncIterator, Iterator

import pytest

from app.adapters.redis.connection import RedisConnection
from app.adapters.system.clock import SystemClock
from tests.redis_server import RedisServer

TIMEOUT_SECONDS = 1.0
"""Not reached by a Redis that lives, however busy the machine is; most tests wait for its end."""


@pytest.fixture
def own_server() -> Iterator[RedisServer]:
    """A server of the test's own."""
    server = RedisServer()
    yield server
    server.stop()


@pytest.fixture
async def connection(redis_server: RedisServer) -> AsyncIterator[RedisConnection]:
    """Open, to the shared server, which is empty. It takes as long as a busy machine may need."""
    connection = RedisConnection(redis_server.url, 10.0, SystemClock())
    await connection.on_module_init()
    yield connection
    await connection.on_application_shutdown(None)


@pytest.fixture
async def own_connection(own_server: RedisServer) -> AsyncIterator[RedisConnection]:
    """Open, to the test's own server, whose silence ends calls soon."""
    connection = RedisConnection(own_server.url, TIMEOUT_SECONDS, SystemClock())
    await connection.on_module_init()
    yield connection
    await connection.on_application_shutdown(None)
