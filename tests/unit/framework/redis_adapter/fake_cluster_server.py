"""A fake server that claims all slots of a Redis Cluster."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

import hiredis

from tests.unit.framework.redis_adapter.stream_server import stream_server

Answer = Callable[[list[bytes]], bytes]
"""Returns the reply to a command."""


@asynccontextmanager
async def fake_cluster_server(
    epoch: int, host: bytes = b"", answer: Answer = lambda _: b"+OK\r\n"
) -> AsyncIterator[asyncio.Server]:
    """Start a server that claims all slots.

    Args:
        epoch: The ``cluster_current_epoch`` that the server returns.
        host: The name that the server announces.
        answer: Answers other commands than ``CLUSTER INFO`` and ``CLUSTER SLOTS``.
    """

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        port = writer.get_extra_info("sockname")[1]
        info = b"cluster_state:ok\r\ncluster_current_epoch:%d\r\nx:1\r\n" % epoch
        node = b"*3\r\n$%d\r\n%b\r\n:%d\r\n$1\r\nx\r\n" % (len(host), host, port)
        commands = hiredis.Reader()
        while data := await reader.read(4_096):
            commands.feed(data)
            while (command := commands.gets()) is not False:
                match command:
                    case [b"CLUSTER", b"INFO"]:
                        writer.write(b"$%d\r\n%b\r\n" % (len(info), info))
                    case [b"CLUSTER", b"SLOTS"]:
                        writer.write(b"*1\r\n*3\r\n:0\r\n:16383\r\n" + node)
                    case _:
                        writer.write(answer(command))

    async with stream_server(serve) as server:
        yield server
