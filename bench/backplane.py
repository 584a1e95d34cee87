"""``make backplane``: measures what the Redis adapter adds to the cost of a delivery.

A server emits events to a room. In the first run, all members of the room are connected to this
server; in the second run, half of them are connected to a second server. The difference of the
servers' CPU times is the cost of the adapter. The CPU time of Redis is not counted.
"""

import asyncio
import statistics

import aiohttp

from bench.cluster_servers import (
    COMMANDS,
    NODE,
    OURS,
    ClusterServer,
    connect,
    running,
    until_received,
)
from tests.redis_server import RedisServer

ROUNDS = 3
_BURSTS = {10: 10, 100: 2}
"""The number of events every 10 ms, by the number of members of the room."""
_SECONDS = 6.0

HEADING = (
    "| members | server | µs per delivery: one node | two nodes | added by the adapter |\n"
    "| ---: | --- | ---: | ---: | ---: |"
)


async def main() -> None:
    """Print a line for each size of a room and each server: the medians of `ROUNDS` rounds."""
    print(HEADING)
    for members in _BURSTS:
        found: dict[str, list[tuple[float, float]]] = {name: [] for name in COMMANDS}
        for number in range(ROUNDS):
            for name in list(COMMANDS)[:: -1 if number % 2 else 1]:
                one = await _delivery_us(name, members, nodes=1)
                found[name].append((one, await _delivery_us(name, members, nodes=2)))
        added = {}
        for name, rounds in found.items():
            one, two = (statistics.median(each) for each in zip(*rounds, strict=True))
            added[name] = two - one
            print(f"| {members} | {name} | {one:.2f} | {two:.2f} | {two - one:.2f} |", flush=True)
        ratio = added[NODE] / added[OURS]
        print(f"In rooms of {members}, the adapter is {ratio:.1f} times as cheap as Node's.")


async def _delivery_us(name: str, members: int, *, nodes: int) -> float:
    """Return the CPU time of all nodes per delivered event."""
    redis = RedisServer()
    try:
        async with running(name, redis.url, nodes) as servers, aiohttp.ClientSession() as session:
            received = [0]
            urls = [servers[number % nodes].url for number in range(members)]
            readers = [await connect(session, url, received) for url in urls]
            await servers[0].flood(1, _SECONDS)  # a warm-up, for a JIT compiler
            await asyncio.sleep(1)
            before, received[0] = _cpu_seconds(servers), 0
            deliveries = await servers[0].flood(_BURSTS[members], _SECONDS) * members
            await until_received(received, deliveries, _SECONDS)
            used = _cpu_seconds(servers) - before
            for reader in readers:
                reader.cancel()
        return used / deliveries * 1e6
    finally:
        redis.stop()


def _cpu_seconds(servers: list[ClusterServer]) -> float:
    return sum(each.cpu_seconds for each in servers)


if __name__ == "__main__":
    asyncio.run(main())
