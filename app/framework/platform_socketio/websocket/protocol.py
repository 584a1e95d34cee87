"""The asyncio protocol of a WebSocket, which replaces aiohttp's protocol after the upgrade.

The docstring of the module `upgrade` lists the internals of aiohttp 3.14 that are used here.
"""

import asyncio
from abc import abstractmethod
from collections.abc import Callable
from typing import Any

from aiohttp import WebSocketError, WSCloseCode, WSMsgType

from app.framework.platform_socketio.websocket.frame_reader import (
    FINAL_TEXT,
    LEAST_FRAME,
    MASKED,
    MEDIUM,
    FrameQueue,
    FrameReader,
    parse,
)
from app.framework.platform_socketio.websocket.write_batcher import (
    RecipientGroups,
    WriteBatcher,
    close_frame,
    pong_frame,
)

CLOSE_TIMEOUT_SECONDS = 0.8
"""The time limit of a close handshake, including the writes before it.

After this time, the server aborts the connection.
"""

_TEXT = WSMsgType.TEXT
"""A module constant, because reading a global is faster than reading an enum member."""

_SLICE_BYTES = 16_384
"""The maximum number of bytes of one client that are parsed per tick. One read may contain
thousands of packets, which are handled immediately. Slices let the event loop serve other clients
in between. They also ensure that a client's inbox exceeds its limits by at most one slice.
"""


class WebSocket(FrameQueue, asyncio.Protocol):
    """Parses received bytes into messages and writes frames, with limits on both.

    aiohttp's parser passes each message to ``feed_data`` of a queue. A `WebSocket` is this queue,
    but handles each message immediately and stores none. The `WriteBatcher` calls the attribute
    ``write``, which is replaced when the client reads too slowly or the connection is closed.
    `engine_io.connection.Connection` implements the abstract methods.
    """

    __slots__ = (
        "_batcher",
        "_close_timer",
        "_is_slice_scheduled",
        "_reader",
        "_transport",
        "_unparsed",
        "closed",
        "groups",
        "is_tcp_closed",
        "max_queue_bytes",
        "write",
    )

    groups: RecipientGroups
    write: Callable[[bytes], Any]

    def __init__(  # does not call the base's constructor, which would create a queue
        self,
        transport: asyncio.Transport,
        batcher: WriteBatcher,
        max_message_bytes: int,
        max_queue_bytes: int,
        max_packets: int,
    ) -> None:
        self.closed = False
        """Whether closing has begun: further messages are neither sent nor accepted."""
        self.is_tcp_closed = False
        """Whether the TCP connection is closed."""
        self.packets_left = max_packets
        """See `FrameQueue`."""
        self.groups = []
        """The recipient groups (rooms) that this client is in; see `write_batcher.Recipient`."""
        self.write = transport.write
        """The transport's ``write``, `_write_bounded` or `_discard`."""
        self._transport = transport
        """The TCP connection."""
        self._batcher = batcher
        """Writes the frames of all clients at the end of the tick."""
        self.max_queue_bytes = max_queue_bytes
        """The maximum number of unsent bytes in the transport's buffer."""
        self._reader: FrameReader | None = FrameReader(self, max_message_bytes)
        """Parses received frames; None after parsing has ended."""
        self._unparsed = b""
        """Received bytes to parse in the next ticks."""
        self._is_slice_scheduled = False
        """Whether `continue_reading` is scheduled for the next tick."""
        self._close_timer: asyncio.TimerHandle | None = None
        """Aborts a close handshake that takes too long."""

    @property
    def has_unparsed_data(self) -> bool:
        """Whether received bytes are not parsed yet."""
        return bool(self._unparsed) or self._is_slice_scheduled

    @property
    @abstractmethod
    def is_reading(self) -> bool:
        """Whether the server may read more from the client."""

    @abstractmethod
    def check_packet_rate(self) -> None:
        """Reset ``packets_left`` or close the connection. Called when the value is negative."""

    @abstractmethod
    def on_text(self, text: str) -> None:
        """Handle one text message; must not raise."""

    def on_binary(self, data: bytes) -> None:  # noqa: ARG002 - for subclasses
        """Handle one binary message. By default this is a protocol error. Must not raise."""
        self.on_protocol_error(WSCloseCode.PROTOCOL_ERROR)

    @abstractmethod
    def on_protocol_error(self, code: int) -> None:
        """Close the connection with this code: the client has broken the WebSocket protocol."""

    @abstractmethod
    def on_close_frame(self) -> None:
        """Close the connection: the client has sent a close frame."""

    @abstractmethod
    def on_tcp_closed(self) -> None:
        """Clean up: the TCP connection is closed."""

    @abstractmethod
    def on_write_error(self, error: Exception) -> None:
        """Abort the connection: writing to the transport has raised an error."""

    @abstractmethod
    def on_queue_limit(self, queued_bytes: int) -> None:
        """Abort the connection: the client reads too slowly, so too many bytes are waiting."""

    def send_frame(self, frame: bytes) -> None:
        """Queue one frame, unless the connection is closed."""
        if not self.closed:
            self._batcher.queue_frame(self, frame)

    def start_closing(self, code: int) -> None:
        """Write the queued frames and a close frame; abort after `CLOSE_TIMEOUT_SECONDS`."""
        self._batcher.flush()
        self.write(close_frame(code))
        self._mark_closed()
        loop = asyncio.get_running_loop()
        # Run the timer in the batcher's context: otherwise the timer would keep the caller's
        # context, with the event that the caller handles, in memory.
        self._close_timer = loop.call_later(
            CLOSE_TIMEOUT_SECONDS, self._transport.abort, context=self._batcher.context
        )

    def start_closing_flood(self, code: int) -> None:
        """Start closing and stop reading, because the client may keep flooding meanwhile."""
        self.start_closing(code)
        self._reader = None
        self.pause_reading()

    def abort_transport(self) -> None:
        """Close the TCP connection now, and drop the queued frames."""
        self._mark_closed()
        self._discard_writes()
        self._transport.abort()

    def drop_unparsed_data(self) -> None:
        """Stop reading, and drop the received bytes that are not parsed yet."""
        self._unparsed = b""
        self.pause_reading()

    def pause_reading(self) -> None:
        """Stop reading from the client until `continue_reading` is called."""
        if not self._transport.is_closing():
            self._transport.pause_reading()

    def continue_reading(self) -> None:
        """Parse the next slice, or resume reading if no received bytes are left."""
        self._is_slice_scheduled = False
        if self._unparsed:
            self._parse_slice()
        elif self.is_reading:
            self._resume_reading()

    def data_received(self, data: bytes) -> None:
        """Parse received bytes. Called by the transport."""
        if self._unparsed:
            self._unparsed += data
        elif len(data) > _SLICE_BYTES:
            self._unparsed = data
            self._parse_slice()
        elif self._reader is not None:
            if self._reader.is_between_messages and _is_one_text(data):
                parse(self._reader, data)  # most reads need no further check
            else:
                self._reader.feed_data(data)
            if self.packets_left < 0 and not self.closed:
                self.check_packet_rate()

    def eof_received(self) -> None:
        """Do nothing: the transport closes itself. Called by the transport."""

    def connection_lost(self, error: Exception | None) -> None:  # noqa: ARG002 - asyncio's signature; as in Node, the error has no effect
        """Clean up. The transport calls this method last."""
        self.is_tcp_closed = True
        self._reader = None
        if self._close_timer is not None:
            self._close_timer.cancel()
        self._discard_writes()
        self.on_tcp_closed()

    def write_failed(self, error: Exception) -> None:
        """Abort in the next tick. Called by the batcher after an error of the transport."""
        self._discard_writes()
        asyncio.get_running_loop().call_soon(
            self.on_write_error, error, context=self._batcher.context
        )

    def pause_writing(self) -> None:
        """Limit unsent bytes. Called by the transport when the client does not read fast enough."""
        if not self.closed:
            self._batcher.stalled.add(self)
            self.write = self._write_bounded
            self._check_queue_limit()

    def resume_writing(self) -> None:
        """Write without a limit again. Called by the transport when the client has caught up."""
        if self in self._batcher.stalled:
            self._batcher.stalled.remove(self)
            self.write = self._transport.write

    def feed_data(self, message: Any, size: int) -> None:  # noqa: ARG002 - the base's signature
        """Handle a message: a tuple that begins with its type. Called by the parser."""
        kind = message[0]
        self.packets_left -= 1
        if kind is _TEXT:
            if not self.closed:
                self.on_text(message[1])
        elif kind is WSMsgType.CLOSE:
            self.on_close_frame()
            self._transport.close()
        elif self.closed:
            pass
        elif kind is WSMsgType.PING:
            self.send_frame(pong_frame(message[1]))
        elif kind is WSMsgType.BINARY:
            self.on_binary(message[1])

    def set_exception(self, exc: BaseException, exc_cause: BaseException | None = None) -> None:  # noqa: ARG002 - the base's signature
        """Close the connection. Called by aiohttp's parser for invalid input."""
        if not self.closed:
            code = exc.code if isinstance(exc, WebSocketError) else WSCloseCode.INTERNAL_ERROR
            self.on_protocol_error(code)

    def feed_eof(self) -> None:
        """Do nothing: `connection_lost` handles the end. Called by aiohttp's parser."""

    def _parse_slice(self) -> None:
        data, self._unparsed = self._unparsed[:_SLICE_BYTES], self._unparsed[_SLICE_BYTES:]
        if self._reader is not None:
            self._reader.feed_data(data)
            if self.packets_left < 0 and not self.closed:
                self.check_packet_rate()
        if (self.is_reading or self.closed) and not self._is_slice_scheduled:
            self._is_slice_scheduled = True
            self._transport.pause_reading()
            asyncio.get_running_loop().call_soon(
                self.continue_reading, context=self._batcher.context
            )

    def _mark_closed(self) -> None:
        self.closed = True
        self._unparsed = b""
        self._resume_reading()  # to receive the client's close frame

    def _resume_reading(self) -> None:
        if self._reader is not None and not self._transport.is_closing():
            self._transport.resume_reading()

    def _discard_writes(self) -> None:
        self._batcher.stalled.discard(self)
        self.write = _discard

    def _write_bounded(self, data: bytes) -> None:
        self._transport.write(data)
        self._check_queue_limit()

    def _check_queue_limit(self) -> None:
        queued_bytes = self._transport.get_write_buffer_size()
        if queued_bytes > self.max_queue_bytes and self.write is not _discard:
            self._discard_writes()
            # Abort in the next tick: the batcher may be iterating over the groups of this client.
            asyncio.get_running_loop().call_soon(
                self.on_queue_limit, queued_bytes, context=self._batcher.context
            )


def _is_one_text(data: bytes) -> bool:
    """Return whether the data is one whole text frame with a length in its shortest form."""
    size = len(data)
    if size < LEAST_FRAME or data[0] != FINAL_TEXT:
        return False
    length = data[1] - MASKED
    if length != MEDIUM:
        return length < MEDIUM and size == LEAST_FRAME + length
    length = int.from_bytes(data[2:4])
    return length >= MEDIUM and size == LEAST_FRAME + 2 + length


def _discard(_: bytes) -> None:
    """Discard the data. Replaces ``write`` of a connection that is closed or will be aborted."""
