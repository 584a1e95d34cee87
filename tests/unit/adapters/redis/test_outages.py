"""Tests deadlines and recovery when Redis fails (app/adapters/redis/connection.py)."""

import asyncio
import logging
from collections.abc import Awaitable
from math import ceil

import pytest
from redis.asyncio import Redis

from app.adapters.redis.connection import RedisConnection
from app.adapters.redis.pool import MAX_CONNECTIONS
from app.adapters.system.clock import SystemClock
from app.domain.errors import Unavailable
from tests.deadlines import ANSWER_SECONDS
from tests.redis_server import RedisServer
from tests.unit.adapters.redis.conftest import TIMEOUT_SECONDS
from tests.unit.adapters.redis.loop_lag import LEAST_TURNS, measured_lag
from tests.unit.adapters.redis.slow_link import slow_link

STORM = 2_000
LINK_SECONDS = 0.05
FAR_TIMEOUT_SECONDS = 2.0
"""Twenty times the duration of a call over the slow link, to allow for a busy machine."""
STALL_SECONDS = 1.0
"""The maximum time, in processor seconds, for which the event loop may be blocked."""


def ping(redis: Redis) -> Awaitable[object]:
    return redis.ping()


async def seconds_until_unavailable(connection: RedisConnection) -> float:
    """Check that a call fails, and return how many seconds it took to fail."""
    loop = asyncio.get_running_loop()
    began = loop.time()
    with pytest.raises(Unavailable):
        await connection.run(ping)
    return loop.time() - began


async def test_a_call_ends_with_its_deadline_when_redis_is_frozen(
    own_server: RedisServer, own_connection: RedisConnection
) -> None:
    """The first call waits for its deadline; the circuit breaker rejects the next one at once."""
    with own_server.frozen(), measured_lag() as lag:
        first = await seconds_until_unavailable(own_connection)
        with pytest.raises(Unavailable):
            own_connection.run(ping).send(None)

    assert first >= TIMEOUT_SECONDS
    assert lag.turns >= LEAST_TURNS
    assert lag.worst_seconds < STALL_SECONDS


async def test_a_storm_ends_within_the_deadline_when_redis_is_frozen(
    own_server: RedisServer, own_connection: RedisConnection
) -> None:
    """Many concurrent calls fail together, and the event loop is not blocked."""
    with own_server.frozen(), measured_lag() as lag:
        waits = await asyncio.gather(
            *(seconds_until_unavailable(own_connection) for _ in range(STORM))
        )

    # Calls that waited for their timeouts one after the other would take ten times as long.
    assert max(waits) < STORM / MAX_CONNECTIONS * TIMEOUT_SECONDS / 10
    assert lag.turns >= LEAST_TURNS
    assert lag.worst_seconds < STALL_SECONDS


async def test_a_storm_is_answered_when_redis_is_far_away(redis_server: RedisServer) -> None:
    """Each call's deadline begins when the call gets a connection, not when it starts to wait."""
    calls = ceil(1.2 * MAX_CONNECTIONS * FAR_TIMEOUT_SECONDS / (2 * LINK_SECONDS))
    async with slow_link(redis_server.port, LINK_SECONDS) as url:
        connection = RedisConnection(url, FAR_TIMEOUT_SECONDS, SystemClock(), ANSWER_SECONDS)
        await connection.on_module_init()
        began = asyncio.get_running_loop().time()

        answers = await asyncio.gather(*(connection.run(ping) for _ in range(calls)))

        took_seconds = asyncio.get_running_loop().time() - began
        await connection.on_application_shutdown(None)
    assert [True] * calls == answers
    assert took_seconds > FAR_TIMEOUT_SECONDS


async def test_calls_are_made_again_when_redis_thaws(
    own_server: RedisServer, own_connection: RedisConnection, caplog: pytest.LogCaptureFixture
) -> None:
    """The listener of `on_reconnected` is called.

    The log has one line for the outage, and one for its end.
    """
    caplog.set_level(logging.INFO, "app")
    reconnected = asyncio.Event()
    own_connection.on_reconnected(reconnected.set)
    with own_server.frozen():
        for _ in range(3):
            await seconds_until_unavailable(own_connection)

    await asyncio.wait_for(reconnected.wait(), ANSWER_SECONDS)

    assert await own_connection.run(ping)
    assert ["Redis is not available: TimeoutError", "Redis is available again after"] == [
        message[:36].rstrip("0123456789. s") if "again" in message else message
        for message in caplog.messages
    ]


async def test_calls_are_made_again_when_redis_was_restarted(
    own_server: RedisServer, own_connection: RedisConnection, caplog: pytest.LogCaptureFixture
) -> None:
    """Connections from before the restart are replaced, and no call waits for its deadline."""
    reconnected = asyncio.Event()
    own_connection.on_reconnected(reconnected.set)
    await asyncio.gather(*(own_connection.run(ping) for _ in range(50)))

    await asyncio.to_thread(own_server.stop)
    await seconds_until_unavailable(own_connection)
    await asyncio.to_thread(own_server.start_again)
    await asyncio.wait_for(reconnected.wait(), ANSWER_SECONDS)

    assert "Redis is not available: ConnectionError" == caplog.messages[0]
    assert [True] * 50 == await asyncio.gather(*(own_connection.run(ping) for _ in range(50)))


async def test_a_call_is_cancelled_at_once_when_redis_is_frozen(
    own_server: RedisServer, caplog: pytest.LogCaptureFixture
) -> None:
    """A cancelled call ends before its deadline, and does not open the circuit breaker."""
    connection = RedisConnection(own_server.url, 2 * ANSWER_SECONDS, SystemClock())
    await connection.on_module_init()
    with own_server.frozen():
        call = asyncio.create_task(connection.run(ping))
        await asyncio.sleep(0)
        call.cancel()
        await asyncio.wait([call], timeout=ANSWER_SECONDS)

        assert call.cancelled()
        assert [] == caplog.messages
    await connection.on_application_shutdown(None)
