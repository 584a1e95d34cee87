import asyncio


class FakeTransport(asyncio.Transport):
    """A TCP connection whose client the test plays.

    Attributes:
        sent: What the client was written, write by write.
        unread: What the client has not read, while it stalls.
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
        """Tell whose it is."""
        self._protocol = protocol

    def write(self, data: bytes | bytearray | memoryview) -> None:
        """Keep it, and say so when the client does not read."""
        self.sent.append(bytes(data))
        if self.stalls:
            self.unread += len(data)
            if self._protocol is not None and self.unread == len(data):
                self._protocol.pause_writing()

    def get_write_buffer_size(self) -> int:
        """See ``unread``."""
        return self.unread

    def pause_reading(self) -> None:
        """Nothing more is to come."""
        self.paused = True

    def resume_reading(self) -> None:
        """More may come."""
        self.paused = False

    def is_closing(self) -> bool:
        """Whether it was closed."""
        return bool(self.ended)

    def close(self) -> None:
        """When all is written."""
        self._end("closed")

    def abort(self) -> None:
        """At once."""
        self._end("aborted")

    def _end(self, how: str) -> None:
        if not self.ended:
            self.ended = how
            if self._protocol is not None:
                asyncio.get_running_loop().call_soon(self._protocol.connection_lost, None)
