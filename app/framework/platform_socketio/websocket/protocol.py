"""A WebSocket that has left aiohttp: the protocol of its TCP connection, in one object.

What of aiohttp 3.14 this and `upgrade` rest on is named there.
"""

import asyncio
from abc import abstractmethod
from collections.abc import Callable
from typing import Any

from aiohttp import WebSocketError, WSCloseCode, WSMsgType

from app.framework.platform_socketio.websocket import frames
from app.framework.platform_socketio.websocket.frame_reader import FrameQueue, FrameReader
from app.framework.platform_socketio.websocket.write_batcher import RecipientGroups, WriteBatcher

CLOSE_TIMEOUT_SECONDS = 0.8
"""How long a close handshake, or what is due before it, may take; then the connection is cut."""

_TEXT = WSMsgType.TEXT  # looked up once: for an enumeration that takes longer than a call

_SLICE_BYTES = 16_384
"""The parser gets no more of one client in one tick: thousands of packets may be in a read, and
they are handled in place. Others have their turn, and who has to wait is not parsed far ahead."""


class WebSocket(FrameQueue, asyncio.Protocol):
    """Bytes in, messages out, and the way back, bounded.

    aiohttp's parser hands each message to `feed_data` of its queue, which is this object: there is
    no queue, so the base's constructor is left out. The `WriteBatcher` sends: it calls ``write``,
    which is the transport's own as long as the client reads.
    """

    __slots__ = (
        "_end_timer",
        "_goes_on",
        "_max_queue_bytes",
        "_outbox",
        "_reader",
        "_transport",
        "_unread",
        "audiences",
        "closed",
        "is_gone",
        "write",
    )

    audiences: RecipientGroups
    write: Callable[[bytes], Any]

    def __init__(  # the base's would make a queue
        self,
        transport: asyncio.Transport,
        outbox: WriteBatcher,
        max_message_bytes: int,
        max_queue_bytes: int,
        max_packets: int,
    ) -> None:
        self.closed = False
        """No more is sent, and what comes is not heard; the handshake may be under way."""
        self.is_gone = False
        self.packets_left = max_packets
        self.audiences = []
        self.write = transport.write
        self._transport = transport
        self._outbox = outbox
        self._max_queue_bytes = max_queue_bytes
        self._reader: FrameReader | None = FrameReader(self, max_message_bytes)
        self._unread = b""
        self._goes_on = False
        self._end_timer: asyncio.TimerHandle | None = None

    @property
    def has_unread(self) -> bool:
        """Whether something has come that is left to later ticks."""
        return bool(self._unread) or self._goes_on

    @property
    @abstractmethod
    def is_reading(self) -> bool:
        """Whether the client is listened to, or has to wait until it has been handled so far."""

    @abstractmethod
    def check_packet_rate(self) -> None:
        """Called when ``packets_left`` is negative: renew it, or turn the client away."""

    @abstractmethod
    def text_received(self, text: str) -> None:
        """One text message; must not raise."""

    @abstractmethod
    def failed(self, code: int) -> None:
        """The client broke the protocol; to be closed with this code."""

    @abstractmethod
    def ended(self) -> None:
        """The client closes the connection."""

    @abstractmethod
    def gone(self) -> None:
        """The TCP connection is no more."""

    @abstractmethod
    def broken(self, error: Exception) -> None:
        """The transport cannot be written to."""

    @abstractmethod
    def stalled_too_long(self, queued_bytes: int) -> None:
        """The client reads too slowly to stay under its bound."""

    def send(self, frame: bytes) -> None:
        """Queue one frame, unless the connection is closed."""
        if not self.closed:
            self._outbox.send(self, frame)

    def turn_away(self, code: int) -> None:
        """As `start_closing`, but read nothing more: a flood would go on during the handshake."""
        self.start_closing(code)
        self._reader = None
        self.stop_reading()

    def start_closing(self, code: int) -> None:
        """Close with this code, after all that is due; in `CLOSE_TIMEOUT_SECONDS`, or cut off."""
        self._outbox.flush()
        self.write(frames.close(code))
        self._stop_hearing()
        loop = asyncio.get_running_loop()
        # Not in the sender's context: a timer keeps it, and with it what it was handling.
        self._end_timer = loop.call_later(
            CLOSE_TIMEOUT_SECONDS, self._transport.abort, context=self._outbox.context
        )

    def cut(self) -> None:
        """End the connection now; what is due is not written."""
        self._stop_hearing()
        self._stop_writing()
        self._transport.abort()

    def drop_unread(self) -> None:
        """Stop reading, and forget what has come and is not parsed yet."""
        self._unread = b""
        self.stop_reading()

    def stop_reading(self) -> None:
        """`is_reading` holds no longer; who has made room calls `go_on_reading`."""
        if not self._transport.is_closing():
            self._transport.pause_reading()

    def go_on_reading(self) -> None:
        """`is_reading` holds again, or another tick has begun."""
        self._goes_on = False
        if self._unread:
            self._read_slice()
        elif self.is_reading:
            self._resume_reading()

    def data_received(self, data: bytes) -> None:
        """From the transport."""
        if self._unread:
            self._unread += data
        elif len(data) > _SLICE_BYTES:
            self._unread = data
            self._read_slice()
        elif self._reader is not None:  # as in `_read_slice`; a call less for each small read
            self._reader.feed_data(data)
            if self.packets_left < 0 and not self.closed:
                self.check_packet_rate()

    def eof_received(self) -> None:
        """From the transport, which closes itself then."""

    def connection_lost(self, error: Exception | None) -> None:  # noqa: ARG002 - Node tells no difference
        """From the transport, last of all."""
        self.is_gone = True
        self._reader = None
        if self._end_timer is not None:
            self._end_timer.cancel()
        self._stop_writing()
        self.gone()

    def write_failed(self, error: Exception) -> None:
        """From the outbox: the transport has raised, as it does not for a client that is gone."""
        self._stop_writing()
        asyncio.get_running_loop().call_soon(self.broken, error, context=self._outbox.context)

    def pause_writing(self) -> None:
        """From the transport: the client does not read, and its buffer is filling."""
        if not self.closed:
            self._outbox.stalled.add(self)
            self.write = self._write_bounded
            self._check_bound()

    def resume_writing(self) -> None:
        """From the transport: the client reads again."""
        if self in self._outbox.stalled:
            self._outbox.stalled.remove(self)
            self.write = self._transport.write

    def feed_data(self, message: Any, size: int) -> None:  # noqa: ARG002 - the base's form
        """From aiohttp's parser: one message, type first."""
        kind = message[0]
        self.packets_left -= 1
        if kind is _TEXT:
            if not self.closed:
                self.text_received(message[1])
        elif kind is WSMsgType.CLOSE:
            self.ended()
            self._transport.close()
        elif self.closed:
            pass
        elif kind is WSMsgType.PING:
            self.send(frames.pong(message[1]))
        elif kind is WSMsgType.BINARY:
            self.failed(WSCloseCode.PROTOCOL_ERROR)

    def set_exception(self, exc: BaseException, exc_cause: BaseException | None = None) -> None:  # noqa: ARG002 - the base's form
        """From aiohttp's parser: too long, no UTF-8, no WebSocket."""
        if not self.closed:
            self.failed(exc.code if isinstance(exc, WebSocketError) else WSCloseCode.INTERNAL_ERROR)

    def feed_eof(self) -> None:
        """From aiohttp's parser; the transport says so, too."""

    def _read_slice(self) -> None:
        data, self._unread = self._unread[:_SLICE_BYTES], self._unread[_SLICE_BYTES:]
        if self._reader is not None:
            self._reader.feed_data(data)
            if self.packets_left < 0 and not self.closed:
                self.check_packet_rate()
        if (self.is_reading or self.closed) and not self._goes_on:
            self._goes_on = True
            self._transport.pause_reading()
            asyncio.get_running_loop().call_soon(self.go_on_reading, context=self._outbox.context)

    def _stop_hearing(self) -> None:
        self.closed = True
        self._unread = b""
        self._resume_reading()  # the client's own close frame is still to come

    def _resume_reading(self) -> None:
        if self._reader is not None and not self._transport.is_closing():
            self._transport.resume_reading()

    def _stop_writing(self) -> None:
        self._outbox.stalled.discard(self)
        self.write = _discard

    def _write_bounded(self, data: bytes) -> None:
        self._transport.write(data)
        self._check_bound()

    def _check_bound(self) -> None:
        queued_bytes = self._transport.get_write_buffer_size()
        if queued_bytes > self._max_queue_bytes and self.write is not _discard:
            self._stop_writing()
            # Later: whoever is sending now must not meet the end of a recipient on the way.
            asyncio.get_running_loop().call_soon(
                self.stalled_too_long, queued_bytes, context=self._outbox.context
            )


def _discard(_: bytes) -> None:
    """Writes to a client that is gone, or as good as gone."""
