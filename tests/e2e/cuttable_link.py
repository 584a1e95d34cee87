"""A TCP relay between one node and a service, which a test can interrupt."""

import asyncio
from asyncio import StreamReader, StreamWriter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from urllib.parse import urlsplit

CHUNK_BYTES = 65_536


class CuttableLink:
    """Relays connections to another port until it is cut."""

    def __init__(self, target_port: int) -> None:
        self.port = 0
        self._target_port = target_port
        self._is_cut = False
        self._ends: set[StreamWriter] = set()

    def cut(self) -> None:
        """Abort all connections, and refuse new connections."""
        self._is_cut = True
        for end in self._ends:
            end.transport.abort()

    def restore(self) -> None:
        """Accept connections again."""
        self._is_cut = False

    async def accept(self, reader: StreamReader, writer: StreamWriter) -> None:
        """Relay data between one client and the target until either closes."""
        if self._is_cut:
            writer.transport.abort()
            return
        answers, target = await asyncio.open_connection("127.0.0.1", self._target_port)
        self._ends |= {writer, target}
        await asyncio.gather(_relay(reader, target), _relay(answers, writer))
        self._ends -= {writer, target}


async def _relay(reader: StreamReader, writer: StreamWriter) -> None:
    with suppress(ConnectionError):
        while data := await reader.read(CHUNK_BYTES):
            writer.write(data)
            await writer.drain()
    writer.close()


@asynccontextmanager
async def cuttable_link(url: str) -> AsyncIterator[CuttableLink]:
    """Open a relay to the port of ``url`` on 127.0.0.1."""
    target_port = urlsplit(url).port
    assert target_port is not None
    link = CuttableLink(target_port)
    server = await asyncio.start_server(link.accept, "127.0.0.1", 0)
    link.port = server.sockets[0].getsockname()[1]
    try:
        yield link
    finally:
        link.cut()
        server.close()
        await server.wait_closed()
