"""Simulates the network latency of a distant server."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager


@asynccontextmanager
async def slow_link(port: int, one_way_seconds: float) -> AsyncIterator[str]:
    """Relay the Redis on ``port`` with a delay in both directions, and yield the relay's URL."""
    loop = asyncio.get_running_loop()
    relays: list[asyncio.Task[None]] = []

    async def forward(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while received := await reader.read(65_536):
                # Schedule each write instead of sleeping: a link carries many packets at once.
                loop.call_later(one_way_seconds, writer.write, received)
        finally:
            writer.close()

    async def relay(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        far_reader, far_writer = await asyncio.open_connection("127.0.0.1", port)
        await asyncio.gather(forward(reader, far_writer), forward(far_reader, writer))

    def connected(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        relays.append(asyncio.create_task(relay(reader, writer)))

    server = await asyncio.start_server(connected, "127.0.0.1", 0)
    host, near_port = server.sockets[0].getsockname()
    try:
        yield f"redis://{host}:{near_port}"
    finally:
        server.close()
        for each in relays:
            each.cancel()
        await asyncio.gather(*relays, return_exceptions=True)
