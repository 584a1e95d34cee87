"""Tests of the bus of a Redis Cluster (app/framework/redis_adapter/cluster_bus.py)."""

import asyncio
from contextlib import AsyncExitStack
from functools import partial

import pytest

from app.framework.redis_adapter.channels import Channel
from app.framework.redis_adapter.cluster_bus import ClusterBus
from app.framework.redis_adapter.servers.redis_connections import parsed_url
from tests.deadlines import ANSWER_SECONDS
from tests.redis_cluster import RedisCluster
from tests.unit.framework.redis_adapter.fake_cluster_server import fake_cluster_server
from tests.unit.framework.redis_adapter.stream_server import address_of
from tests.until import until

CHANNELS = [Channel.sharded(f"channel-{number}") for number in range(20)]


async def test_messages_arrive_when_they_were_published_before_the_masters_were_known(
    redis_cluster: RedisCluster,
) -> None:
    bus = ClusterBus(parsed_url(redis_cluster.url))
    received: list[bytes] = []
    is_done = asyncio.Event()

    def receive(name: bytes, _: bytes) -> None:
        received.append(name)
        if len(received) == len(CHANNELS):
            is_done.set()

    for channel in CHANNELS:
        bus.subscribe(channel, receive)
    await bus.open()
    sender = ClusterBus(parsed_url(redis_cluster.url))
    for channel in CHANNELS:
        sender.publish(channel, b"early")
    await sender.open()

    async with asyncio.timeout(ANSWER_SECONDS):
        await is_done.wait()
    await bus.close()
    await sender.close()
    assert {channel.name for channel in CHANNELS} == set(received)
    assert {} == sender.dropped


async def test_nodes_are_counted_on_the_master_of_the_channel(redis_cluster: RedisCluster) -> None:
    bus, other = [ClusterBus(parsed_url(redis_cluster.url)) for _ in range(2)]
    await bus.open()
    await other.open()

    def receive(*_: bytes) -> None:
        pass

    for channel in CHANNELS:
        other.subscribe(channel, receive)
    await other.confirm_subscriptions()
    counts = {await bus.count_other_nodes(channel) for channel in CHANNELS}
    for channel in CHANNELS:
        other.unsubscribe(channel, receive)
    await other.confirm_subscriptions()
    later_counts = {await bus.count_other_nodes(channel) for channel in CHANNELS}

    await bus.close()
    await other.close()
    assert ({1}, {0}) == (counts, later_counts)


async def test_message_is_dropped_when_no_master_is_known() -> None:
    bus = ClusterBus(parsed_url("redis+cluster://127.0.0.1:1"))

    is_published = bus.publish(CHANNELS[0], b"x", volatile=True)
    with pytest.raises(ConnectionError):
        await bus.confirm_subscriptions()

    assert not is_published
    assert not bus.is_connected
    assert {"not_connected": 1} == bus.dropped


async def test_message_is_dropped_when_each_server_names_the_other_as_master() -> None:
    """The bus must not follow such redirections forever."""
    published: list[int] = []
    addresses: list[str] = []

    def refuse(number: int, command: list[bytes]) -> bytes:
        if command[0] != b"SPUBLISH":
            return (
                b"$1\r\n0\r\n"
                if len(command) == 1
                else b"$%d\r\n%b\r\n"
                % (
                    len(command[1]),
                    command[1],
                )
            )
        published.append(number)
        return f"-MOVED 1 {addresses[1 - number]}\r\n".encode()

    async with AsyncExitStack() as stack:
        servers = [
            await stack.enter_async_context(fake_cluster_server(1, b"", partial(refuse, number)))
            for number in range(2)
        ]
        addresses += [str(address_of(each)) for each in servers]
        bus = ClusterBus(parsed_url(f"redis+cluster://{','.join(addresses)}"))
        await bus.open()
        bus.publish(CHANNELS[0], b"x")
        await until(lambda: bool(bus.dropped))
        await bus.close()

    assert {"refused": 1} == bus.dropped
    assert 2 == len(set(published))
