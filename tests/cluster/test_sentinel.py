"""Tests of servers that find Redis through Sentinel (app/framework/redis_adapter)."""

import asyncio
from collections.abc import Iterator
from contextlib import AsyncExitStack

import pytest
from redis.exceptions import ConnectionError as RedisConnectionError

from app.adapters.redis.connection import RedisConnection
from app.adapters.redis.revocation_bus import RedisRevocationBus
from app.domain.credential import Revocation, RevocationKind
from app.domain.errors import Unavailable
from app.framework.redis_adapter.servers.redis_connections import RedisConnections
from app.framework.redis_adapter.servers.redis_servers import (
    Master,
    Sentinels,
    connection_to,
)
from app.framework.redis_adapter.servers.redis_url import Address, RedisUrl
from tests.cluster.conftest import start, until_received
from tests.deadlines import ANSWER_SECONDS
from tests.doubles.manual_clock import ManualClock
from tests.e2e.js_client import JsDriver
from tests.redis_sentinel import RedisSentinel


@pytest.fixture(scope="module")
def shared_sentinel() -> Iterator[RedisSentinel]:
    """A master and a replica with three sentinels. Tests must not stop servers."""
    sentinel = RedisSentinel()
    yield sentinel
    sentinel.stop()


@pytest.fixture
def own_sentinel() -> Iterator[RedisSentinel]:
    """A master and a replica with three sentinels, for one test that stops servers."""
    sentinel = RedisSentinel()
    yield sentinel
    sentinel.stop()


async def test_events_reach_other_nodes_again_when_the_master_was_killed(
    stack: AsyncExitStack, own_sentinel: RedisSentinel, driver: JsDriver
) -> None:
    """One of the three sentinels is stopped, too."""
    first, second = [await start(stack, own_sentinel.url, "dynamic") for _ in range(2)]
    bob = driver.connect(second.url, "bob", {"name": "bob"})
    stack.callback(bob.disconnect)
    assert "joined" == await bob.ask("join", "team")
    await until_received(first, "team", "before", bob)

    await asyncio.to_thread(own_sentinel.kill_master)
    own_sentinel.stop_sentinel()

    await until_received(first, "team", "after", bob)


async def test_node_moves_to_the_new_master_when_the_old_one_still_works(
    shared_sentinel: RedisSentinel,
) -> None:
    """The node polls the sentinels, because the old master may be partitioned."""
    is_used = asyncio.Queue[None]()

    async def use(_: object) -> None:
        is_used.put_nowait(None)
        await asyncio.Event().wait()

    connections = RedisConnections.of(f"{shared_sentinel.url}?client_name=watched")
    user = asyncio.create_task(connections.keep_open(use))
    async with asyncio.timeout(ANSWER_SECONDS):
        await is_used.get()
        await asyncio.to_thread(shared_sentinel.fail_over)
        await is_used.get()
        clients = shared_sentinel.master.client.client_list()
    user.cancel()
    await asyncio.wait([user])

    assert ["hello"] == [each["cmd"] for each in clients if each["name"] == "watched"]


async def test_a_replica_is_refused_when_a_sentinel_names_it_the_master(
    shared_sentinel: RedisSentinel,
) -> None:
    """During a failover, a sentinel may name a server that is not yet or no longer the master."""

    class WrongSentinels(Sentinels):
        async def ask(self) -> Master:
            return Master(0, Address("127.0.0.1", shared_sentinel.replica.port))

    url = RedisUrl.parse(shared_sentinel.url, {})
    connection_class, options = connection_to(url)
    connection = connection_class(**{**options, "sentinels": WrongSentinels(url)})

    with pytest.raises(RedisConnectionError, match="is a replica"):
        await connection.connect()  # type: ignore[no-untyped-call]

    assert not connection.is_connected


async def test_connecting_fails_when_the_sentinels_do_not_monitor_the_service(
    shared_sentinel: RedisSentinel,
) -> None:
    """The error quotes the reply of a sentinel."""
    connection_class, options = connection_to(RedisUrl.parse(f"{shared_sentinel.url}s", {}))

    with pytest.raises(RedisConnectionError, match="No such master"):
        await connection_class(**options).connect()  # type: ignore[no-untyped-call]


async def test_revocations_are_published_and_received_when_the_sentinels_have_failed_over(
    stack: AsyncExitStack, shared_sentinel: RedisSentinel
) -> None:
    """The connections outside of the Socket.IO adapter use the new master, too."""
    clock = ManualClock()
    connection = RedisConnection(shared_sentinel.url, 2.0, clock)
    bus = RedisRevocationBus(connection, 2.0, clock)
    received: asyncio.Queue[Revocation] = asyncio.Queue()
    connected = asyncio.Queue[None]()
    bus.listen(received.put_nowait, lambda: connected.put_nowait(None))
    stack.push_async_callback(connection.on_application_shutdown, None)
    await connection.on_module_init()
    stack.push_async_callback(bus.on_module_destroy)
    await bus.on_module_init()
    await connected.get()
    revocation = Revocation(RevocationKind.SESSION, "sess_1")

    await asyncio.to_thread(shared_sentinel.fail_over)

    async with asyncio.timeout(ANSWER_SECONDS):
        await connected.get()
        while True:
            try:
                await bus.publish(revocation)
                break
            except Unavailable:
                await asyncio.sleep(0.05)
        assert revocation == await received.get()
