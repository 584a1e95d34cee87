import asyncio


class FakeTransport(asyncio.Transport):
    """A TCP connection in which the test is the client.

    Attributes:
        sent: The bytes of each write.
        unread: The number of bytes that were written while the client did not read.
        paused: Whether the server has paused reading.
        stalls: Whether the client has stopped reading.
        ended: How the server has ended the connection: ``closed``, ``aborted``, or empty if open.
    """

    def __init__(self) -> None:
        super().__init__()
        self.sent: list[bytes] = []
        self.unread = 0
        self.paused = False
        self.stalls = False
        self.ended = ""
        self._protocol: asyncio.Protocol | None = None

    def give(self, protocol: asyncio.Protocol) -> None:
        """Set the protocol that owns the transport."""
        self._protocol = protocol

    def write(self, data: bytes | bytearray | memoryview) -> None:
        """Record the bytes, and pause the protocol's writing if the client does not read."""
        self.sent.append(bytes(data))
        if self.stalls:
            self.unread += len(data)
            if self._protocol is not None and self.unread == len(data):
                self._protocol.pause_writing()

    def get_write_buffer_size(self) -> int:
        return self.unread

    def pause_reading(self) -> None:
        self.paused = True

    def resume_reading(self) -> None:
        self.paused = False

    def is_closing(self) -> bool:
        return bool(self.ended)

    def close(self) -> None:
        self._end("closed")

    def abort(self) -> None:
        self._end("aborted")

    def _end(self, how: str) -> None:
        if not self.ended:
            self.ended = how
            if self._protocol is not None:
                asyncio.get_running_loop().call_soon(self._protocol.connection_lost, None)
