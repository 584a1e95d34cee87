"""Runs a server for the connections of a test."""

import asyncio
from asyncio import StreamReader, StreamWriter
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import asynccontextmanager, suppress
from ssl import SSLContext

from app.framework.redis_adapter.servers.redis_url import Address

Serve = Callable[[StreamReader, StreamWriter], Coroutine[None, None, None]]
"""Serves one connection."""


@asynccontextmanager
async def stream_server(
    serve: Serve, tls: SSLContext | None = None
) -> AsyncIterator[asyncio.Server]:
    """Start a server on 127.0.0.1.

    All connections are closed at the end. Before Python 3.12, `asyncio.Server` leaves them open,
    and a later test fails because of a warning when they are deleted.
    """
    serving: list[asyncio.Task[None]] = []
    writers: list[StreamWriter] = []

    def connected(reader: StreamReader, writer: StreamWriter) -> None:
        writers.append(writer)
        serving.append(asyncio.create_task(serve(reader, writer)))

    server = await asyncio.start_server(connected, "127.0.0.1", 0, ssl=tls)
    try:
        yield server
    finally:
        server.close()
        for task in serving:
            task.cancel()
        await asyncio.gather(*serving, return_exceptions=True)
        for writer in writers:
            writer.transport.abort()
            with suppress(OSError):
                await writer.wait_closed()


def address_of(server: asyncio.Server) -> Address:
    """Return the address of a server."""
    return Address("127.0.0.1", server.sockets[0].getsockname()[1])
