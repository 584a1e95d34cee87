"""Tests of `SlotMap` with servers that disagree about the slots."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack

import pytest
from redis.exceptions import ConnectionError as RedisConnectionError

from app.framework.redis_adapter.servers.redis_url import Address, RedisUrl
from app.framework.redis_adapter.servers.slot_map import SlotMap
from tests.unit.framework.redis_adapter.fake_cluster_server import fake_cluster_server
from tests.unit.framework.redis_adapter.stream_server import address_of


@pytest.fixture
async def stack() -> AsyncIterator[AsyncExitStack]:
    async with AsyncExitStack() as stack:
        yield stack


def slots_of(*servers: asyncio.Server) -> SlotMap:
    hosts = ",".join(str(address_of(each)) for each in servers)
    return SlotMap(RedisUrl.parse(f"redis+cluster://{hosts}", {"protocol": 2}))


async def test_old_state_is_refused_when_another_server_has_sent_a_newer_one(
    stack: AsyncExitStack,
) -> None:
    """Accepting it would move the slots back and forth."""
    old, new = [await stack.enter_async_context(fake_cluster_server(epoch)) for epoch in (4, 5)]
    slots = slots_of(old, new)
    await slots.ask(address_of(new))

    masters = []
    for _ in range(3):
        await slots.refresh()
        masters.append(slots.master_of(b"x"))
    with pytest.raises(RedisConnectionError, match="old state"):
        await slots.ask(address_of(old))

    assert [address_of(new)] * 3 == masters


async def test_old_state_is_accepted_when_no_server_has_a_newer_one(
    stack: AsyncExitStack,
) -> None:
    """The cluster may have been created again at the same addresses."""
    old, new = [await stack.enter_async_context(fake_cluster_server(epoch)) for epoch in (4, 5)]
    slots = slots_of(old, new)
    await slots.ask(address_of(new))
    new.close()

    with pytest.raises(RedisConnectionError, match="no server"):
        await slots.refresh()
    await slots.refresh()

    assert address_of(old) == slots.master_of(b"x")


async def test_names_of_servers_are_used_when_they_announce_them(stack: AsyncExitStack) -> None:
    announced = await stack.enter_async_context(fake_cluster_server(1, b"localhost"))
    slots = slots_of(announced)

    await slots.refresh()

    assert Address("localhost", address_of(announced).port) == slots.master_of(b"x")
    assert {"localhost", "127.0.0.1"} == {each.host for each in slots.servers}
