"""A TCP relay between one node and a service, which a test can interrupt or redirect."""

import asyncio
from asyncio import StreamReader, StreamWriter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from urllib.parse import urlsplit

CHUNK_BYTES = 65_536


class CuttableLink:
    """Relays connections to another port until it is cut or silenced.

    Attributes:
        target_port: The port to which new connections are relayed.
    """

    def __init__(self, target_port: int) -> None:
        self.port = 0
        self.target_port = target_port
        self._is_cut = False
        self._ends: set[StreamWriter] = set()
        self._may_pass = asyncio.Event()
        self._may_pass.set()

    def cut(self) -> None:
        """Abort all connections, and refuse new connections."""
        self._is_cut = True
        for end in self._ends:
            end.transport.abort()

    def silence(self) -> None:
        """Hold back all data in both directions, as if packets were lost."""
        self._may_pass.clear()

    def restore(self) -> None:
        """Accept connections again, and pass on the data that was held back."""
        self._is_cut = False
        self._may_pass.set()

    async def accept(self, reader: StreamReader, writer: StreamWriter) -> None:
        """Relay data between one client and the target until either closes."""
        if self._is_cut:
            writer.transport.abort()
            return
        try:
            answers, target = await asyncio.open_connection("127.0.0.1", self.target_port)
        except OSError:  # the service is stopped
            writer.transport.abort()
            return
        self._ends |= {writer, target}
        await asyncio.gather(self._relay(reader, target), self._relay(answers, writer))
        self._ends -= {writer, target}

    async def _relay(self, reader: StreamReader, writer: StreamWriter) -> None:
        with suppress(ConnectionError):
            while data := await reader.read(CHUNK_BYTES):
                await self._may_pass.wait()
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
        link.restore()
        link.cut()
        server.close()
        await server.wait_closed()
