"""``make backplane``: measures what the Redis adapter adds to the cost of a delivery.

A server emits events to a room. In the first run, all members of the room are connected to this
server; in the second run, half of them are connected to a second server. The difference of the
servers' CPU times is the cost of the adapter. The CPU time of Redis is not counted. Then the
cost of events to a third server without members of the room is measured.
"""

import asyncio
import statistics
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass

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
_FEW = min(_BURSTS)
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
    events, idle_ms, busy_ms = await _measure_without_members()
    print(
        f"A third node without members used {busy_ms:.1f} ms of CPU time during {events:,} events, "
        f"and {idle_ms:.1f} ms in the same time without events."
    )


async def _delivery_us(name: str, members: int, *, nodes: int) -> float:
    """Return the CPU time of all nodes per delivered event."""
    async with _room(name, members, nodes) as room:
        before = _cpu_seconds(room.servers)
        events = await room.flood()
        return (_cpu_seconds(room.servers) - before) / (events * members) * 1e6


async def _measure_without_members() -> tuple[int, float, float]:
    """Measure a third node without members.

    Returns: the number of events, and the milliseconds of CPU time without and with the events.
    """
    async with _room(OURS, _FEW, nodes=2, empty_nodes=1) as room:
        third = room.servers[-1]
        begin = third.cpu_seconds
        await asyncio.sleep(_SECONDS)
        middle = third.cpu_seconds
        events = await room.flood()
        end = third.cpu_seconds
    return events, (middle - begin) * 1e3, (end - middle) * 1e3


@dataclass(frozen=True, slots=True)
class _Room:
    servers: list[ClusterServer]
    members: int
    received: list[int]

    async def flood(self) -> int:
        """Let the first server emit events until all members have them; return their number."""
        self.received[0] = 0
        events = await self.servers[0].flood(_BURSTS[self.members], _SECONDS)
        await until_received(self.received, events * self.members, _SECONDS)
        return events


@asynccontextmanager
async def _room(name: str, members: int, nodes: int, empty_nodes: int = 0) -> AsyncIterator[_Room]:
    """Start servers, and divide the members of a room among the first ``nodes`` of them."""
    redis = RedisServer()
    try:
        async with (
            running(name, redis.url, nodes + empty_nodes) as servers,
            aiohttp.ClientSession() as session,
        ):
            room = _Room(servers, members, [0])
            urls = [servers[number % nodes].url for number in range(members)]
            readers = [await connect(session, url, room.received) for url in urls]
            await servers[0].flood(1, _SECONDS)  # a warm-up, for a JIT compiler
            await asyncio.sleep(1)
            yield room
            for reader in readers:
                reader.cancel()
    finally:
        redis.stop()


def _cpu_seconds(servers: list[ClusterServer]) -> float:
    return sum(each.cpu_seconds for each in servers)


if __name__ == "__main__":
    asyncio.run(main())
