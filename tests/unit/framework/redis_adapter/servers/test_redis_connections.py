"""Tests of the connections to Redis (app/framework/redis_adapter/servers/redis_connections.py)."""

import asyncio
from contextlib import suppress

import pytest
import structlog

from app.framework import BootError
from app.framework.redis_adapter.channels import Channel
from app.framework.redis_adapter.redis_bus import RedisBus
from app.framework.redis_adapter.servers.redis_connections import RedisConnections
from tests.deadlines import ANSWER_SECONDS
from tests.redis_server import RedisServer
from tests.unit.framework.redis_adapter.stream_server import address_of, stream_server

REFUSAL = "ResponseError: NOPERM this user may not subscribe"


@pytest.mark.parametrize(
    "url",
    [
        "http://:secret@127.0.0.1",
        "redis://:se/cret@127.0.0.1:6379",
        "redis://:x@127.0.0.1:1secret",
        "redis://:secret@127.0.0.1?invented=1",
    ],
)
def test_boot_fails_when_the_url_is_invalid(url: str) -> None:
    """The error does not quote the URL, which may contain a password."""
    with pytest.raises(BootError) as error:
        RedisConnections.of(url)

    assert "cret" not in str(error.value)
    assert error.value.__suppress_context__
    assert error.value.__cause__ is None


async def test_messages_arrive_when_the_url_has_options_of_the_protocol(
    redis_server: RedisServer,
) -> None:
    bus = RedisBus(
        RedisConnections.of(
            f"{redis_server.url}?protocol=3&decode_responses=True&socket_timeout=0.1"
        )
    )
    received: asyncio.Queue[bytes] = asyncio.Queue()
    bus.subscribe(Channel.plain("x"), lambda _, payload: received.put_nowait(payload))
    await bus.open()

    bus.publish(Channel.plain("x"), b"hi")

    async with asyncio.timeout(ANSWER_SECONDS):
        assert b"hi" == await received.get()
    await bus.close()


async def test_connection_is_opened_again_when_it_was_used_with_an_unexpected_error(
    redis_server: RedisServer,
) -> None:
    is_used_again = asyncio.Event()
    errors: list[Exception] = [KeyError("unexpected")]

    async def use(_: object) -> None:
        if errors:
            raise errors.pop()
        is_used_again.set()
        await asyncio.Event().wait()

    with structlog.testing.capture_logs() as lines:
        task = asyncio.create_task(RedisConnections.of(redis_server.url).keep_open(use))
        async with asyncio.timeout(ANSWER_SECONDS):
            await is_used_again.wait()

    task.cancel()
    with suppress(asyncio.CancelledError):
        await task
    assert ["KeyError: 'unexpected'"] == [line["error"] for line in lines]


async def test_log_has_the_reason_of_redis_when_a_subscription_is_refused() -> None:
    """Without it, a missing permission looks like a server that does not answer."""

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if await reader.read(1_000):
            writer.write(b"-NOPERM this user may not subscribe\r\n")
        await reader.read()

    async with stream_server(serve) as server:
        bus = RedisBus(RedisConnections.of(f"redis://{address_of(server)}"))
        bus.subscribe(Channel.plain("x"), lambda *_: None)
        with structlog.testing.capture_logs() as lines:
            opening = asyncio.create_task(bus.open())
            async with asyncio.timeout(ANSWER_SECONDS):
                while REFUSAL not in [line.get("error") for line in lines]:  # noqa: ASYNC110 - no event
                    await asyncio.sleep(0.01)
            opening.cancel()
        await bus.close()
