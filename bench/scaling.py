"""``make scaling``: measures the cost of an event to nodes and Redis, for docs/scaling.md.

Two nodes have clients in ten rooms, and the first one emits events to the rooms. The CPU times are
measured with one client and with ten clients of each room on each node, and with a single server
without an adapter. `Costs` are computed from them. Redis, and loading members from PostgreSQL, are
measured separately. Then the sizes of clusters for a million sockets are printed.
"""

import asyncio
from contextlib import AsyncExitStack
from dataclasses import fields
from statistics import median
from time import process_time
from typing import NamedTuple

import aiohttp
import uvloop

from app.adapters.sql.channels.repository import SqlChannelRepository
from app.adapters.sql.connection.database import Database
from app.adapters.system.clock import SystemClock
from app.domain.ids import ChannelId, UserId
from app.services.channels.member_cache import MemberCache
from bench.cluster_servers import OURS, connect, running, until_received
from bench.databases import POSTGRESQL, cpu_seconds_of, fresh_database
from bench.scaling_model import (
    MESSAGES_PER_SOCKET_AND_HOUR,
    SOCKETS,
    USABLE_SHARE,
    Costs,
    estimate,
    simulate,
    size,
)
from tests.redis_server import RedisServer

ROUNDS = 3
STORE_US, DATABASE_STORE_US = 560.0, 500.0
"""The CPU times of the server and of PostgreSQL for a message alone, by ``make storage``."""
ROOM_SIZES = (10, 100, 10_000)
_SECONDS = 6.0
_ROOMS = [f"team {number}" for number in range(10)]
"""The rooms that get one event every 10 ms. Events of one room would share writes to clients."""
_PUBLISHED, _IN_FLIGHT = 40_000, 20
"""The number of messages for the measurement of Redis, and how many are published at once."""
_MESSAGE_BYTES = 400
_LOADS = 1_000
"""How often the members of a small channel are loaded."""
_SMALL, _LARGE = 10, 10_000
"""The numbers of members of the channels that are loaded."""
_SEEDED = 500
"""The number of members that are stored at once."""
_FEW, _MANY = 1, 10
"""The numbers of clients in each room on each node with clients."""


async def main() -> None:
    """Print the costs, and the sizes of clusters."""
    rounds = [await _measure() for _ in range(ROUNDS)]
    costs = Costs(
        *(median(getattr(each, field.name) for each in rounds) for field in fields(Costs))
    )
    print("| | µs of CPU |\n| --- | ---: |")
    for field in fields(Costs):
        print(f"| {field.name.replace('_', ' ')} | {getattr(costs, field.name):.2f} |")
    print(
        f"\n{SOCKETS:,} sockets that send {MESSAGES_PER_SOCKET_AND_HOUR} messages an hour, and use "
        f"{USABLE_SHARE:.0%} of each core:\n\n"
        "| members of a room | nodes | shards of Redis | nodes reached by a message "
        "| used cores of nodes: formula, simulation | of Redis | of PostgreSQL "
        "| busiest node, shard |\n| ---: | ---: | ---: | ---: | ---: | ---: | ---: | ---: |"
    )
    for room_size in ROOM_SIZES:
        cluster = size(costs, room_size)
        expected, simulated = estimate(costs, cluster), simulate(costs, cluster)
        print(
            f"| {room_size:,} | {cluster.nodes} | {cluster.shards} | {simulated.reached:.1f} "
            f"| {expected.node_cores:.1f}, {simulated.node_cores:.1f} "
            f"| {expected.redis_cores:.2f}, {simulated.redis_cores:.2f} "
            f"| {expected.database_cores:.1f}, {simulated.database_cores:.1f} "
            f"| {simulated.busiest_node:.0%}, {simulated.busiest_shard:.0%} |"
        )


async def _measure() -> Costs:
    alone_few, alone_many = [await _run(nodes=1, clients=each) for each in (_FEW, _MANY)]
    few, many = [await _run(nodes=2, clients=each) for each in (_FEW, _MANY)]
    deliver_us = (alone_many[0] - alone_few[0]) / (_MANY - _FEW)
    redis = RedisServer()
    try:
        one, ten = [await _redis_us(redis, subscribers) for subscribers in (1, 10)]
    finally:
        redis.stop()
    small, large = await _load_us()
    members = _LARGE - _SMALL
    return Costs(
        store=STORE_US,
        deliver=deliver_us,
        publish=median([few[0] - alone_few[0], many[0] - alone_many[0]]),
        receive=median([few[1] - deliver_us * _FEW, many[1] - deliver_us * _MANY]),
        redis=one,
        redis_subscriber=(ten - one) / 9,
        load=small.server,
        load_member=(large.server - small.server) / members,
        database_store=DATABASE_STORE_US,
        database_load=small.database,
        database_load_member=(large.database - small.database) / members,
    )


async def _run(*, nodes: int, clients: int) -> list[float]:
    """Let the first node emit events; return the CPU time of each node in µs per event."""
    redis = RedisServer()
    try:
        async with running(OURS, redis.url, nodes) as servers, _session() as session:
            received = [0]
            hosts = [server.url for server in servers for _ in range(clients)]
            readers = [
                await connect(session, url, received, room) for url in hosts for room in _ROOMS
            ]
            await servers[0].flood(1, 1)
            received[0] = 0
            before = [each.cpu_seconds for each in servers]
            events = await servers[0].flood(len(_ROOMS), _SECONDS, _ROOMS)
            await until_received(received, events * len(hosts), _SECONDS)
            used = [each.cpu_seconds - start for each, start in zip(servers, before, strict=True)]
            for reader in readers:
                reader.cancel()
        return [each / events * 1e6 for each in used]
    finally:
        redis.stop()


def _session() -> aiohttp.ClientSession:
    return aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=0))


async def _redis_us(redis: RedisServer, subscribers: int) -> float:
    """Return the CPU time of Redis per message of `_PUBLISHED`."""
    async with AsyncExitStack() as stack:
        readers = []
        for _ in range(subscribers):
            reader, writer = await asyncio.open_connection("127.0.0.1", redis.port)
            stack.callback(writer.close)
            writer.write(b"SSUBSCRIBE room\r\n")
            await reader.readuntil(b":1\r\n")
            readers.append(asyncio.create_task(_read_all(reader)))
        reader, writer = await asyncio.open_connection("127.0.0.1", redis.port)
        stack.callback(writer.close)
        message = b"*3\r\n$8\r\nSPUBLISH\r\n$4\r\nroom\r\n$%d\r\n%b\r\n" % (
            _MESSAGE_BYTES,
            b"x" * _MESSAGE_BYTES,
        )
        before = cpu_seconds_of(redis.pid)
        answer = b":%d\r\n" % subscribers
        for _ in range(_PUBLISHED // _IN_FLIGHT):
            writer.write(message * _IN_FLIGHT)
            await reader.readexactly(len(answer) * _IN_FLIGHT)
        used = cpu_seconds_of(redis.pid) - before
        for each in readers:
            each.cancel()
    return used / _PUBLISHED * 1e6


async def _read_all(reader: asyncio.StreamReader) -> None:
    while await reader.read(1 << 20):
        pass


class _LoadUs(NamedTuple):
    server: float
    database: float


async def _load_us() -> list[_LoadUs]:
    """Return the CPU times for loading the members of a small and of a large channel.

    They include the digest that nodes of a cluster compare.
    """
    found = []
    with fresh_database(POSTGRESQL) as measured:
        database = Database(measured.url, migrate=True)
        await database.on_module_init()
        channels = SqlChannelRepository(database)
        cache = MemberCache(channels, SystemClock(), lambda *_: None)
        cache.announce = lambda *_: None
        try:
            for members, loads in ((_SMALL, _LOADS), (_LARGE, _LOADS // 20)):
                channel_id = ChannelId(f"channel of {members}")
                for start in range(0, members, _SEEDED):
                    numbers = range(start, min(start + _SEEDED, members))
                    users = [UserId(f"user {number}") for number in numbers]
                    await channels.seed(dict.fromkeys(users, (channel_id,)))
                await cache.load([channel_id])
                server, in_database = process_time(), measured.cpu_seconds()
                for _ in range(loads):
                    cache.invalidate(channel_id)
                    await cache.load([channel_id])
                found.append(
                    _LoadUs(
                        (process_time() - server) / loads * 1e6,
                        (measured.cpu_seconds() - in_database) / loads * 1e6,
                    )
                )
        finally:
            await cache.close()
            await database.on_application_shutdown(None)
    return found


if __name__ == "__main__":
    uvloop.run(main())
