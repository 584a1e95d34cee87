"""``make backplane``: measures what the Redis adapter adds to the cost of a delivery.

A server emits events to a room. In the first run, all members of the room are connected to this
server; in the second run, half of them are connected to a second server. The difference of the
servers' CPU times is the cost of the adapter. The CPU time of Redis is not counted. In the end, a
third server has no members of the room.
"""

import asyncio
import itertools
import json
import statistics
import sys
from asyncio.subprocess import PIPE, Process
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

import aiohttp

from bench.failure import BenchError
from bench.folders import CHECKOUT
from tests.redis_server import RedisServer

ROUNDS = 3
_BURSTS = {10: 10, 100: 2}
"""The number of events every 10 ms, by the number of members of the room."""
_FEW = min(_BURSTS)
_SECONDS = 6.0
_PAUSE_MS = 10
_DRIVER = CHECKOUT / "tests" / "cluster" / "js"
_OURS, _NODE = "ours", "Node.js"
_COMMANDS = {
    _OURS: (sys.executable, "-m", "bench.peers.cluster_node"),
    _NODE: ("node", str(_DRIVER / "driver.mjs")),
}
_MESSAGE = {
    "id": "01938f2e-7b61-7d52-8f0a-5b1f0a4c9d3e",
    "content": "Shall we meet at noon, or a little later?",
    "channelId": "general",
    "userId": "user_2kXw9aQ",
    "createdAt": "2026-11-30T12:00:00.000Z",
    "seq": 1234,
}


HEADING = (
    "| members | server | µs per delivery: one node | two nodes | added by the adapter |\n"
    "| ---: | --- | ---: | ---: | ---: |"
)


@dataclass(frozen=True, slots=True)
class _Server:
    process: Process
    input: asyncio.StreamWriter
    output: asyncio.StreamReader
    url: str

    async def flood(self, burst: int) -> None:
        """Let the server emit ``burst`` events every 10 ms."""
        command = {
            "id": 0,
            "command": "flood",
            "rooms": ["team"],
            "event": "message.created",
            "args": [_MESSAGE],
            "bursts": _events(1),
            "burst": burst,
            "pauseMs": _PAUSE_MS,
        }
        self.input.write(json.dumps(command).encode() + b"\n")
        await self.output.readline()


async def main() -> None:
    """Print a line for each size of a room and each server: the medians of `ROUNDS` rounds."""
    print(HEADING)
    for members in _BURSTS:
        found: dict[str, list[tuple[float, float]]] = {name: [] for name in _COMMANDS}
        for number in range(ROUNDS):
            for name in list(_COMMANDS)[:: -1 if number % 2 else 1]:
                one = await _delivery_us(name, members, nodes=1)
                found[name].append((one, await _delivery_us(name, members, nodes=2)))
        added = {}
        for name, rounds in found.items():
            one, two = (statistics.median(each) for each in zip(*rounds, strict=True))
            added[name] = two - one
            print(f"| {members} | {name} | {one:.2f} | {two:.2f} | {two - one:.2f} |", flush=True)
        ratio = added[_NODE] / added[_OURS]
        print(f"In rooms of {members}, the adapter is {ratio:.1f} times as cheap as Node's.")
    idle_ms, busy_ms = await _milliseconds_without_members()
    print(
        f"A third node without members used {busy_ms:.1f} ms of CPU time during "
        f"{_events(_BURSTS[_FEW]):,} events, and {idle_ms:.1f} ms in the same time without events."
    )


async def _delivery_us(name: str, members: int, *, nodes: int) -> float:
    """Return the CPU time of all nodes per delivered event."""
    async with _room(name, members, nodes) as room:
        before = _cpu_seconds(room.servers)
        await room.flood(members)
        used = _cpu_seconds(room.servers) - before
    return used / (_events(_BURSTS[members]) * members) * 1e6


async def _milliseconds_without_members() -> tuple[float, float]:
    """Return the CPU time of a third node without members, without and with events."""
    async with _room(_OURS, _FEW, nodes=2, empty_nodes=1) as room:
        empty = room.servers[-1:]
        readings = [_cpu_seconds(empty)]
        await asyncio.sleep(_SECONDS)
        readings.append(_cpu_seconds(empty))
        await room.flood(_FEW)
        readings.append(_cpu_seconds(empty))
    idle, busy = (after - before for before, after in itertools.pairwise(readings))
    return idle * 1e3, busy * 1e3


@dataclass(frozen=True, slots=True)
class _Room:
    servers: list[_Server]
    received: list[int]
    """The number of events that the members have received."""

    async def flood(self, members: int) -> None:
        """Let the first server emit events, and wait until all members have received them."""
        self.received[0] = 0
        burst = _BURSTS[members]
        await self.servers[0].flood(burst)
        async with asyncio.timeout(_SECONDS):
            while self.received[0] < _events(burst) * members:  # noqa: ASYNC110 - readers only count
                await asyncio.sleep(0.05)


@asynccontextmanager
async def _room(name: str, members: int, nodes: int, empty_nodes: int = 0) -> AsyncIterator[_Room]:
    """Start servers, and divide the members of a room among the first ``nodes`` of them."""
    redis = RedisServer()
    try:
        async with (
            _running(name, redis.url, nodes + empty_nodes) as servers,
            aiohttp.ClientSession() as session,
        ):
            room = _Room(servers, [0])
            urls = [servers[number % nodes].url for number in range(members)]
            readers = [await _connect(session, url, room.received) for url in urls]
            await servers[0].flood(1)  # a warm-up, for a JIT compiler
            await asyncio.sleep(1)
            yield room
            for reader in readers:
                reader.cancel()
    finally:
        redis.stop()


@asynccontextmanager
async def _running(name: str, redis_url: str, nodes: int) -> AsyncIterator[list[_Server]]:
    mode = "none" if nodes == 1 else "dynamic"
    servers = []
    try:
        for _ in range(nodes):
            process = await asyncio.create_subprocess_exec(
                *(*_COMMANDS[name], redis_url, mode), cwd=CHECKOUT, stdin=PIPE, stdout=PIPE
            )
            if process.stdin is None or process.stdout is None:
                raise BenchError(f"{name} has no pipes.")
            line = await process.stdout.readline()
            if not line:
                raise BenchError(f"{name} did not start.")
            url = f"http://127.0.0.1:{json.loads(line)['args'][0]}"
            servers.append(_Server(process, process.stdin, process.stdout, url))
        yield servers
    finally:
        for server in servers:
            server.process.kill()
            await server.process.wait()


async def _connect(
    session: aiohttp.ClientSession, url: str, received: list[int]
) -> asyncio.Task[None]:
    """Connect a client that joins the room; return a task that counts the received events."""
    client = await session.ws_connect(f"{url}/socket.io/?EIO=4&transport=websocket")
    await client.receive()
    for packet in ('40{"name":"a member"}', '420["join","team"]'):
        await client.send_str(packet)
        await client.receive()

    async def read() -> None:
        async for message in client:
            if message.data == "2":
                await client.send_str("3")
            else:
                received[0] += 1

    return asyncio.create_task(read())


def _events(burst: int) -> int:
    """Return the number of events of a flood."""
    return round(_SECONDS * 1_000 / _PAUSE_MS) * burst


def _cpu_seconds(servers: list[_Server]) -> float:
    """Return the CPU time of the servers. Unlike ``stat``, the file counts nanoseconds."""
    files = [
        file
        for each in servers
        for file in Path(f"/proc/{each.process.pid}/task").glob("*/schedstat")
    ]
    return sum(int(file.read_text().split()[0]) for file in files) / 1e9


if __name__ == "__main__":
    asyncio.run(main())
