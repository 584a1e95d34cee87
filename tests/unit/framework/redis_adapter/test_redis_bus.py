"""Tests of the connections to Redis (app/framework/redis_adapter/redis_bus.py)."""

import asyncio
from collections.abc import AsyncIterator

import pytest
import structlog

from app.framework.redis_adapter.channels import Channel
from app.framework.redis_adapter.payload import MAX_PAYLOAD_BYTES
from app.framework.redis_adapter.redis_bus import MAX_QUEUED_BYTES, RedisBus
from app.framework.redis_adapter.servers.redis_connections import RedisConnections
from tests.deadlines import ANSWER_SECONDS
from tests.redis_server import RedisServer
from tests.unit.framework.redis_adapter.stream_server import address_of, stream_server
from tests.until import until

CHANNEL = Channel.sharded("socket.io#/#")


@pytest.fixture
async def bus(redis_server: RedisServer) -> AsyncIterator[RedisBus]:
    """A bus whose connections are not open."""
    bus = RedisBus(RedisConnections.of(redis_server.url))
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


async def test_node_is_counted_until_the_last_receiver_has_unsubscribed(
    bus: RedisBus, redis_server: RedisServer
) -> None:
    """A receiver may have subscribed twice."""
    first, second = lambda *_: None, lambda *_: None
    other = RedisBus(RedisConnections.of(redis_server.url))
    await bus.open()
    await other.open()

    counts = []
    for receive in (first, first, second):
        other.subscribe(CHANNEL, receive)
    for receive in (first, second, first):
        await other.count_other_nodes(CHANNEL)  # waits for the confirmation of Redis
        counts.append(await bus.count_other_nodes(CHANNEL))
        other.unsubscribe(CHANNEL, receive)
    await other.count_other_nodes(CHANNEL)
    counts.append(await bus.count_other_nodes(CHANNEL))

    await other.close()
    assert [1, 1, 1, 0] == counts


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
        if await reader.readuntil(b"PING\r\n$1\r\n0\r\n"):
            writer.write(
                b"*3\r\n$10\r\nssubscribe\r\n$5\r\nfirst\r\n:1\r\n"
                b"*3\r\n$8\r\nsmessage\r\n$5\r\nfirst\r\n$2\r\nhi\r\n"
                b"*3\r\n$10\r\nssubscribe\r\n$6\r\nsecond\r\n:2\r\n"
                b"*2\r\n$4\r\npong\r\n$1\r\n0\r\n"
            )
        await reader.read()

    received: list[bytes] = []
    async with stream_server(serve) as server:
        bus = RedisBus(RedisConnections.of(f"redis://{address_of(server)}"))
        for name in ("first", "second"):
            bus.subscribe(Channel.sharded(name), lambda _, payload: received.append(payload))
        await bus.open()

        assert bus.is_connected
        assert [b"hi"] == received
        await bus.close()


async def test_message_arrives_once_when_two_names_have_the_same_channel(bus: RedisBus) -> None:
    """Node writes each lone surrogate as U+FFFD, too."""
    received: list[tuple[bytes, ...]] = []
    is_done = asyncio.Event()
    names = ("a\ud800", "a\udfff", "a\ufffd")

    def receive(*message: bytes) -> None:
        received.append(message)

    for name in names:
        bus.subscribe(Channel.sharded(name), receive)
    bus.subscribe(CHANNEL, lambda *_: is_done.set())
    await bus.open()
    bus.unsubscribe(Channel.sharded(names[0]), receive)
    bus.publish(Channel.sharded(names[0]), b"hi")
    bus.publish(CHANNEL, b"end")
    async with asyncio.timeout(ANSWER_SECONDS):
        await is_done.wait()

    assert [("a\ufffd".encode(), b"hi")] == received


async def test_bus_connects_when_redis_confirms_many_channels_slowly() -> None:
    """The time limit is for each part of the channels. Here, all of them take longer."""

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while await reader.readline():  # "*2", "$...", the command, "$..." and its argument
            _, command, _, argument = [(await reader.readline()).strip() for _ in range(4)]
            if command == b"PING":
                writer.write(b"*2\r\n$4\r\npong\r\n$%d\r\n%b\r\n" % (len(argument), argument))
                continue
            if argument.endswith(b"00"):
                await asyncio.sleep(0.18)
            writer.write(b"*3\r\n$10\r\nssubscribe\r\n$4\r\n%b\r\n:1\r\n" % argument)

    async with stream_server(serve) as server:
        bus = RedisBus(RedisConnections.of(f"redis://{address_of(server)}"))
        for number in range(1_500):
            bus.subscribe(Channel.sharded(f"{number:04}"), lambda *_: None)
        await bus.open()
        await until(lambda: bus.is_connected)
        await bus.close()


async def test_bus_notices_a_frozen_redis_when_many_commands_are_waiting(
    bus: RedisBus, redis_server: RedisServer
) -> None:
    bus.subscribe(CHANNEL, lambda *_: None)
    await bus.open()

    with redis_server.frozen():
        for number in range(120_000):
            bus.subscribe(Channel.sharded(f"a-room-with-a-long-name-{number:070}"), print)
        await until(lambda: not bus.is_connected)
        for number in range(120_000):
            bus.unsubscribe(Channel.sharded(f"a-room-with-a-long-name-{number:070}"), print)


async def test_messages_are_published_when_redis_answers_many_of_them_slowly() -> None:
    """The time limit is for each part of the queue. Here, the whole queue takes longer."""
    published: list[bytes] = []

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while await reader.readline():  # "*3", "$8", "SPUBLISH", "$...", channel, "$4", payload
            for _ in range(5):
                await reader.readline()
            published.append((await reader.readline()).strip())
            if published[-1].endswith(b"00"):
                await asyncio.sleep(0.18)
            writer.write(b":1\r\n")

    async with stream_server(serve) as server:
        bus = RedisBus(RedisConnections.of(f"redis://{address_of(server)}"))
        for number in range(1_500):
            bus.publish(CHANNEL, b"%04d" % number)
        await bus.open()
        async with asyncio.timeout(ANSWER_SECONDS):
            while len(published) < 1_500:  # noqa: ASYNC110 - no event
                await asyncio.sleep(0.05)
        await bus.close()

    assert {} == bus.dropped


async def test_other_messages_are_published_when_redis_refuses_one(bus: RedisBus) -> None:
    received: asyncio.Queue[bytes] = asyncio.Queue()
    bus.subscribe(CHANNEL, lambda _, payload: received.put_nowait(payload))
    await bus.open()

    bus.publish(Channel(b"NO", b"x"), b"1")  # there is no command "NOPUBLISH"
    bus.publish(CHANNEL, b"2")

    async with asyncio.timeout(ANSWER_SECONDS):
        assert b"2" == await received.get()
    assert await bus.count_other_nodes(CHANNEL) == 0  # waits for the replies to both messages
    assert {"refused": 1} == bus.dropped


async def test_volatile_message_is_dropped_when_the_bus_is_not_connected(bus: RedisBus) -> None:
    """It would be outdated when Redis is back."""
    assert not bus.publish(CHANNEL, b"1", volatile=True)
    assert {"not_connected": 1} == bus.dropped

    await bus.open()

    assert bus.publish(CHANNEL, b"1", volatile=True)


async def test_message_is_dropped_when_other_nodes_would_refuse_it(bus: RedisBus) -> None:
    assert not bus.publish(CHANNEL, b"x" * (MAX_PAYLOAD_BYTES + 1))
    assert {"too_long": 1} == bus.dropped


async def test_requests_share_one_connection(bus: RedisBus, redis_server: RedisServer) -> None:
    await bus.open()
    before = redis_server.client.info("stats")["total_connections_received"]

    await asyncio.gather(*[bus.count_other_nodes(CHANNEL) for _ in range(20)])

    assert before == redis_server.client.info("stats")["total_connections_received"]


async def test_bus_is_not_connected_when_it_cannot_publish(
    bus: RedisBus, redis_server: RedisServer
) -> None:
    """Pings notice the loss, although nothing is published."""
    bus.subscribe(CHANNEL, lambda *_: None)
    await bus.open()
    redis_server.client.client_kill_filter(_type="normal", skipme=True)

    # Check in every turn of the loop, because the bus connects again soon.
    async with asyncio.timeout(ANSWER_SECONDS):
        while bus.is_connected:  # noqa: ASYNC110 - no event
            await asyncio.sleep(0)


async def test_one_line_is_logged_when_many_messages_fail(bus: RedisBus) -> None:
    is_done = asyncio.Event()

    def fail(_: bytes, payload: bytes) -> None:
        if payload == b"9":
            is_done.set()
        raise TypeError("no bytes")

    bus.subscribe(CHANNEL, fail)
    await bus.open()
    with structlog.testing.capture_logs() as lines:
        for number in range(10):
            bus.publish(CHANNEL, b"%d" % number)
        async with asyncio.timeout(ANSWER_SECONDS):
            await is_done.wait()

    assert [True] == [line["exc_info"] for line in lines]


async def test_opening_ends_when_redis_does_not_answer() -> None:
    """The application starts, and connects in the background."""
    bus = RedisBus(RedisConnections.of("redis://127.0.0.1:1"))

    await bus.open()

    assert not bus.is_connected
    await bus.close()


async def test_owner_is_called_when_dropped_messages_no_longer_fill_the_queue(
    bus: RedisBus,
) -> None:
    """Other nodes cannot detect dropped messages, so the callback must announce them."""
    calls: asyncio.Queue[None] = asyncio.Queue()
    await bus.open()
    bus.when_connected(lambda: calls.put_nowait(None))

    for _ in range(3):
        bus.publish(CHANNEL, b"x" * (MAX_QUEUED_BYTES // 2))

    assert {"queue_full": 1} == bus.dropped
    async with asyncio.timeout(ANSWER_SECONDS):
        await calls.get()
