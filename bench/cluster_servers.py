"""Servers of a cluster for the benches, in Python or Node.js, with clients that count events."""

import asyncio
import json
import sys
from asyncio.subprocess import PIPE, Process
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

import aiohttp

from bench.failure import BenchError
from bench.folders import CHECKOUT

OURS, NODE = "ours", "Node.js"
ROOM = "team"
PAUSE_MS = 10
"""The time between two bursts of events."""
_DRIVER = CHECKOUT / "tests" / "cluster" / "js"
COMMANDS = {
    OURS: (sys.executable, "-m", "bench.peers.cluster_node"),
    NODE: ("node", str(_DRIVER / "driver.mjs")),
}
_MESSAGE = {
    "id": "01938f2e-7b61-7d52-8f0a-5b1f0a4c9d3e",
    "content": "Shall we meet at noon, or a little later?",
    "channelId": "general",
    "userId": "user_2kXw9aQ",
    "createdAt": "2026-11-30T12:00:00.000Z",
    "seq": 1234,
}


@dataclass(frozen=True, slots=True)
class ClusterServer:
    """A running server."""

    process: Process
    input: asyncio.StreamWriter
    output: asyncio.StreamReader
    url: str

    @property
    def cpu_seconds(self) -> float:
        """The CPU time that the server has used. Unlike ``stat``, the file counts nanoseconds."""
        threads = Path(f"/proc/{self.process.pid}/task").glob("*/schedstat")
        return sum(int(each.read_text().split()[0]) for each in threads) / 1e9

    async def flood(self, burst: int, seconds: float, rooms: Sequence[str] = (ROOM,)) -> int:
        """Let the server emit ``burst`` events every `PAUSE_MS`; return the number of events.

        Our server sends each event to one room, and uses the rooms in turn.
        """
        bursts = round(seconds * 1_000 / PAUSE_MS)
        command = {
            "id": 0,
            "command": "flood",
            "rooms": rooms,
            "event": "message.created",
            "args": [_MESSAGE],
            "bursts": bursts,
            "burst": burst,
            "pauseMs": PAUSE_MS,
        }
        self.input.write(json.dumps(command).encode() + b"\n")
        await self.output.readline()
        return bursts * burst


@asynccontextmanager
async def running(name: str, redis_url: str, nodes: int) -> AsyncIterator[list[ClusterServer]]:
    """Run servers; a single one has no adapter."""
    mode = "none" if nodes == 1 else "dynamic"
    servers = []
    try:
        for _ in range(nodes):
            process = await asyncio.create_subprocess_exec(
                *(*COMMANDS[name], redis_url, mode), cwd=CHECKOUT, stdin=PIPE, stdout=PIPE
            )
            if process.stdin is None or process.stdout is None:
                raise BenchError(f"{name} has no pipes.")
            line = await process.stdout.readline()
            if not line:
                raise BenchError(f"{name} did not start.")
            url = f"http://127.0.0.1:{json.loads(line)['args'][0]}"
            servers.append(ClusterServer(process, process.stdin, process.stdout, url))
        yield servers
    finally:
        for server in servers:
            server.process.kill()
            await server.process.wait()


async def connect(
    session: aiohttp.ClientSession, url: str, received: list[int], room: str = ROOM
) -> asyncio.Task[None]:
    """Connect a client that joins a room; return a task that counts the received events."""
    client = await session.ws_connect(f"{url}/socket.io/?EIO=4&transport=websocket")
    await client.receive()
    for packet in ('40{"name":"a member"}', f'420["join","{room}"]'):
        await client.send_str(packet)
        await client.receive()

    async def read() -> None:
        async for message in client:
            if message.data == "2":
                await client.send_str("3")
            else:
                received[0] += 1

    return asyncio.create_task(read())


async def until_received(received: list[int], deliveries: int, seconds: float) -> None:
    """Wait until the clients have received all events."""
    async with asyncio.timeout(seconds):
        while received[0] < deliveries:  # noqa: ASYNC110 - the readers only count
            await asyncio.sleep(0.05)
