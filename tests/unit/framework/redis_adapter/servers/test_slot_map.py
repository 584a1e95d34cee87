"""Tests of the slots of a Redis Cluster whose servers do not agree."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack

import pytest
from redis.exceptions import ConnectionError as RedisConnectionError

from app.framework.redis_adapter.servers.redis_url import Address, RedisUrl
from app.framework.redis_adapter.servers.slot_map import SlotMap


@pytest.fixture
async def stack() -> AsyncIterator[AsyncExitStack]:
    async with AsyncExitStack() as stack:
        yield stack


async def server(stack: AsyncExitStack, epoch: int, host: bytes = b"") -> asyncio.Server:
    """Start a server that says that it has all slots."""

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        port = writer.get_extra_info("sockname")[1]
        info = b"cluster_state:ok\r\ncluster_current_epoch:%d\r\nx:1\r\n" % epoch
        while command := await reader.read(1_000):
            if b"INFO" in command:
                writer.write(b"$%d\r\n%b\r\n" % (len(info), info))
            else:
                node = b"*3\r\n$%d\r\n%b\r\n:%d\r\n$1\r\nx\r\n" % (len(host), host, port)
                writer.write(b"*1\r\n*3\r\n:0\r\n:16383\r\n" + node)
        writer.close()

    return await stack.enter_async_context(await asyncio.start_server(serve, "127.0.0.1", 0))


def address_of(server: asyncio.Server) -> Address:
    return Address("127.0.0.1", server.sockets[0].getsockname()[1])


def slots_of(*servers: asyncio.Server) -> SlotMap:
    hosts = ",".join(str(address_of(each)) for each in servers)
    return SlotMap(RedisUrl.parse(f"redis+cluster://{hosts}", {"protocol": 2}))


async def test_old_state_is_refused_when_another_server_knew_a_newer_one(
    stack: AsyncExitStack,
) -> None:
    """Otherwise the slots would move back and forth."""
    old, new = await server(stack, 4), await server(stack, 5)
    slots = slots_of(old, new)
    await slots.ask(address_of(new))

    masters = []
    for _ in range(3):
        await slots.refresh()
        masters.append(slots.master_of(b"x"))
    with pytest.raises(RedisConnectionError, match="old state"):
        await slots.ask(address_of(old))

    assert [address_of(new)] * 3 == masters


async def test_old_state_is_accepted_when_no_server_knows_a_newer_one(
    stack: AsyncExitStack,
) -> None:
    """The cluster was perhaps created again, at the same addresses."""
    old, new = await server(stack, 4), await server(stack, 5)
    slots = slots_of(old, new)
    await slots.ask(address_of(new))
    new.close()

    with pytest.raises(RedisConnectionError, match="no server"):
        await slots.refresh()
    await slots.refresh()

    assert address_of(old) == slots.master_of(b"x")


async def test_names_of_servers_are_used_when_they_announce_them(stack: AsyncExitStack) -> None:
    announced = await server(stack, 1, b"localhost")
    slots = slots_of(announced)

    await slots.refresh()

    assert Address("localhost", address_of(announced).port) == slots.master_of(b"x")
    assert {"localhost", "127.0.0.1"} == {each.host for each in slots.servers}
