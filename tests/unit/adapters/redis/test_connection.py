import asyncio
import logging
import random
from collections import Counter
from collections.abc import Awaitable, Callable

import pytest
from redis.asyncio import Redis

from app.adapters.redis.connection import RedisConnection
from app.adapters.redis.pool import MAX_CONNECTIONS
from app.adapters.system.clock import SystemClock
from app.domain.errors import Unavailable
from tests.deadlines import ANSWER_SECONDS
from tests.redis_server import RedisServer
from tests.unit.adapters.redis.conftest import TIMEOUT_SECONDS


def ping(redis: Redis) -> Awaitable[object]:
    return redis.ping()


async def test_run_gives_what_the_command_gives(connection: RedisConnection) -> None:
    assert 1 == await connection.run(lambda redis: redis.sadd("key", "value"))


async def test_run_is_unavailable_but_the_circuit_breaker_stays_closed_when_the_server_refuses(
    connection: RedisConnection, caplog: pytest.LogCaptureFixture
) -> None:
    """An error reply is logged once a minute, without the command, and affects no other call."""
    await connection.run(lambda redis: redis.set("secret-key", "secret-value"))

    for _ in range(3):
        with pytest.raises(Unavailable) as refusal:
            await connection.run(lambda redis: redis.sadd("secret-key", "secret-value"))
        assert refusal.value.__context__ is None

    assert await connection.run(ping)
    assert ["Redis answered with an error: ResponseError"] == caplog.messages


async def test_run_is_unavailable_but_the_circuit_breaker_stays_closed_when_only_one_call_is_slow(
    redis_server: RedisServer,
) -> None:
    """A slow call is not an outage, as long as Redis answers other calls."""
    connection = RedisConnection(redis_server.url, TIMEOUT_SECONDS, SystemClock())
    await connection.on_module_init()
    slow = asyncio.create_task(connection.run(lambda redis: redis.blpop(["none"], timeout=60)))
    while not slow.done():
        await connection.run(ping)

    with pytest.raises(Unavailable):
        await slow

    assert await connection.run(ping)
    await connection.on_application_shutdown(None)


async def test_run_waits_for_a_connection_when_all_are_taken(connection: RedisConnection) -> None:
    """Each of 500 concurrent calls gets its own answer, although there are fewer connections."""

    def asking(number: int) -> Callable[[Redis], Awaitable[object]]:
        return lambda redis: redis.echo(str(number))

    answers = await asyncio.gather(*(connection.run(asking(number)) for number in range(500)))

    assert [str(number).encode() for number in range(500)] == answers


async def test_run_is_unavailable_but_the_circuit_breaker_stays_closed_when_no_turn_comes(
    redis_server: RedisServer, caplog: pytest.LogCaptureFixture
) -> None:
    """Too many concurrent calls do not mean that Redis is down."""
    connection = RedisConnection(redis_server.url, 10.0, SystemClock(), wait_seconds=0.05)
    await connection.on_module_init()
    slow = [
        asyncio.create_task(connection.run(lambda redis: redis.blpop(["none"], timeout=60)))
        for _ in range(MAX_CONNECTIONS)
    ]
    await asyncio.sleep(0)

    with pytest.raises(Unavailable):
        await connection.run(ping)

    assert [] == caplog.messages
    for call in slow:
        call.cancel()
    await asyncio.wait(slow)
    assert await connection.run(ping)
    await connection.on_application_shutdown(None)


async def test_run_script_works_when_the_server_has_forgotten_the_script(
    connection: RedisConnection, redis_server: RedisServer
) -> None:
    """The connection sends the script's text again after a restart of the server."""
    await connection.run_script("remember", [b"key"], 60, "1")
    redis_server.client.script_flush()

    await connection.run_script("remember", [b"other"], 60, "1")

    assert "1" == redis_server.client.get("other")


async def test_run_is_unavailable_when_the_connection_is_closed(redis_server: RedisServer) -> None:
    """No call opens a connection after the shutdown; a second shutdown is harmless."""
    connection = RedisConnection(redis_server.url, 10.0, SystemClock())
    await connection.on_module_init()
    await asyncio.gather(*(connection.run(ping) for _ in range(50)))
    before = len(redis_server.client.client_list())

    await connection.on_application_shutdown(None)
    await connection.on_application_shutdown(None)

    with pytest.raises(Unavailable):
        await connection.run(ping)
    assert before > 10


async def test_nobody_gets_anothers_answer_when_calls_are_cancelled_at_any_moment(
    redis_server: RedisServer,
) -> None:
    """A call that reads another call's answer could admit a revoked user."""
    chance = random.Random(5)  # noqa: S311 - repeatable moments of cancelling
    connection = RedisConnection(redis_server.url, 10.0, SystemClock())
    await connection.on_module_init()

    async def asks(number: int) -> bool:
        text = f"question-{number}" * chance.randrange(1, 300)

        async def command(redis: Redis) -> bool:
            # Each call sends two commands, so that it may be cancelled between them, too.
            answers = await redis.echo(text), await redis.echo(str(number))
            return answers == (text.encode(), str(number).encode())

        return await connection.run(command)

    outcomes: list[bool | BaseException] = []
    for _ in range(40):
        tasks = [asyncio.create_task(asks(number)) for number in range(50)]
        for _ in range(chance.randrange(1, 30)):
            await asyncio.sleep(0)
            tasks[chance.randrange(50)].cancel()
        outcomes += await asyncio.gather(*tasks, return_exceptions=True)
    await connection.on_application_shutdown(None)

    kinds = Counter(type(outcome) for outcome in outcomes)
    assert {bool, asyncio.CancelledError} == kinds.keys()
    assert kinds[asyncio.CancelledError] > 100
    assert False not in outcomes


async def test_the_start_succeeds_when_redis_is_not_there(
    own_server: RedisServer, caplog: pytest.LogCaptureFixture
) -> None:
    """Until Redis is started, calls are rejected immediately."""
    own_server.stop()
    reconnected = asyncio.Event()
    connection = RedisConnection(own_server.url, TIMEOUT_SECONDS, SystemClock())
    connection.on_reconnected(reconnected.set)

    await connection.on_module_init()
    with pytest.raises(Unavailable):
        await connection.run(ping)
    await asyncio.to_thread(own_server.start_again)
    await asyncio.wait_for(reconnected.wait(), ANSWER_SECONDS)

    assert await connection.run(ping)
    assert ["Redis is not available: ConnectionError"] == [
        record.message for record in caplog.records if record.levelno == logging.WARNING
    ]
    await connection.on_application_shutdown(None)


async def test_closing_ends_when_redis_never_was_there(own_server: RedisServer) -> None:
    """The shutdown also ends the task that pings Redis."""
    own_server.stop()
    connection = RedisConnection(own_server.url, TIMEOUT_SECONDS, SystemClock())
    await connection.on_module_init()

    await connection.on_application_shutdown(None)

    assert {asyncio.current_task()} == asyncio.all_tasks()
    own_server.start_again()


@pytest.mark.parametrize("user", ["", ":hunter2@"], ids=["none", "wrong"])
async def test_run_is_unavailable_when_the_password_is_not_right(
    own_server: RedisServer, user: str, caplog: pytest.LogCaptureFixture
) -> None:
    """The log names the kind of error, and contains no password."""
    own_server.demand_password("correct-horse")
    url = own_server.url.replace("//", f"//{user}")
    connection = RedisConnection(url, TIMEOUT_SECONDS, SystemClock())

    await connection.on_module_init()

    with pytest.raises(Unavailable):
        await connection.run(ping)
    assert ["Redis is not available: AuthenticationError"] == caplog.messages
    await connection.on_application_shutdown(None)
