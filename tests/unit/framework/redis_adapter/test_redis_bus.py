"""Tests of the connections to Redis (app/framework/redis_adapter/redis_bus.py)."""

import asyncio
from collections.abc import AsyncIterator

import pytest

from app.framework import BootError
from app.framework.redis_adapter.channels import Channel
from app.framework.redis_adapter.redis_bus import MAX_QUEUED_BYTES, RedisBus
from tests.deadlines import ANSWER_SECONDS
from tests.redis_server import RedisServer

CHANNEL = Channel.sharded("socket.io#/#")


@pytest.fixture
async def bus(redis_server: RedisServer) -> AsyncIterator[RedisBus]:
    """A bus whose connections are not open."""
    bus = RedisBus(redis_server.url)
    yield bus
    await bus.close()


async def test_messages_arrive_in_order_when_many_are_published_at_once(bus: RedisBus) -> None:
    received: list[bytes] = []
    is_done = asyncio.Event()

    def receive(_: bytes, message: bytes) -> None:
        received.append(message)
        if message == b"999":
            is_done.set()

    bus.subscribe(CHANNEL, receive)
    await bus.open()
    for number in range(1_000):
        bus.publish(CHANNEL, b"%d" % number)
    async with asyncio.timeout(ANSWER_SECONDS):
        await is_done.wait()

    assert [b"%d" % number for number in range(1_000)] == received


async def test_messages_are_dropped_when_the_queue_is_full(bus: RedisBus) -> None:
    """Messages that fit are queued until the connection is open."""
    large = b"x" * (MAX_QUEUED_BYTES // 2)

    published = [bus.publish(CHANNEL, large) for _ in range(3)]

    assert [True, True, False] == published
    assert {"queue_full": 1} == bus.dropped
    await bus.open()


async def test_channel_is_counted_until_the_last_receiver_has_unsubscribed(bus: RedisBus) -> None:
    receivers = [lambda *_: None, lambda *_: None]
    await bus.open()

    counts = []
    for receive in receivers:
        bus.subscribe(CHANNEL, receive)
    async with asyncio.timeout(ANSWER_SECONDS):
        while await bus.subscriber_count(CHANNEL) != 1:
            pass
    bus.unsubscribe(CHANNEL, receivers[0])
    counts.append(await bus.subscriber_count(CHANNEL))
    bus.unsubscribe(CHANNEL, receivers[1])
    async with asyncio.timeout(ANSWER_SECONDS):
        while await bus.subscriber_count(CHANNEL) != 0:
            pass

    assert [1] == counts


async def test_messages_of_a_pattern_arrive_when_the_beginning_of_their_channel_is_literal(
    bus: RedisBus, redis_server: RedisServer
) -> None:
    """Special characters of patterns in the beginning have no special meaning."""
    received: list[tuple[bytes, bytes]] = []
    is_done = asyncio.Event()
    bus.subscribe(Channel.beginning_with("a[b]*?\\#"), lambda *each: received.append(each))
    bus.subscribe(Channel.plain("done"), lambda *_: is_done.set())
    await bus.open()

    for name in ("ab*?\\#x", "a[b]*?\\#x", "a[b]xx\\#", "a[b]*?\\#", "done"):
        redis_server.client.publish(name, b"1")
    async with asyncio.timeout(ANSWER_SECONDS):
        await is_done.wait()

    assert [(b"a[b]*?\\#x", b"1"), (b"a[b]*?\\#", b"1")] == received


async def test_message_is_received_when_it_arrives_before_the_last_confirmation() -> None:
    """Redis may send messages of a channel while it subscribes to further channels."""

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if await reader.readuntil(b"second\r\n"):
            writer.write(
                b"*3\r\n$10\r\nssubscribe\r\n$5\r\nfirst\r\n:1\r\n"
                b"*3\r\n$8\r\nsmessage\r\n$5\r\nfirst\r\n$2\r\nhi\r\n"
                b"*3\r\n$10\r\nssubscribe\r\n$6\r\nsecond\r\n:2\r\n"
            )
        await reader.read()
        writer.close()

    received: list[bytes] = []
    async with await asyncio.start_server(serve, "127.0.0.1", 0) as server:
        bus = RedisBus(f"redis://127.0.0.1:{server.sockets[0].getsockname()[1]}")
        for name in ("first", "second"):
            bus.subscribe(Channel.sharded(name), lambda _, payload: received.append(payload))
        await bus.open()

        assert bus.is_connected
        assert [b"hi"] == received
        await bus.close()


async def test_opening_ends_when_redis_does_not_answer() -> None:
    """The application starts, and connects in the background."""
    bus = RedisBus("redis://127.0.0.1:1")

    await bus.open()

    assert not bus.is_connected
    await bus.close()


def test_boot_fails_when_the_url_is_invalid() -> None:
    """The error does not quote the URL, which may contain a password."""
    with pytest.raises(BootError) as error:
        RedisBus("http://:secret@127.0.0.1")

    assert "secret" not in str(error.value)
