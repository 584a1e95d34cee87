"""Checks and parses the WebSocket frames (RFC 6455) that a client sends.

aiohttp parses the frames; `FrameReader` rejects violations that aiohttp's parser accepts.
"""

from aiohttp import WebSocketError, WSCloseCode
from aiohttp._websocket.reader import WebSocketDataQueue, WebSocketReader

_FINAL, _OPCODE = 0x80, 0x0F
_CONTINUATION, _FIRST_CONTROL = 0x0, 0x8
FINAL_TEXT = 0x81
"""The first byte of an unfragmented text message."""
MASKED, _LENGTH = 0x80, 0x7F
"""The bits of a frame's second byte: the flag of a masked payload, and the length field."""
MEDIUM = 126
"""The value of the length field if the payload's length follows in two more bytes."""
_MASKED_MEDIUM = MASKED | MEDIUM
_LEAST_LONG = 65_536
_START_BYTES, _MEDIUM_BYTES, _LONG_BYTES = 2, 4, 10
"""Header sizes, without the mask, of frames with a short, medium and long payload."""
_MASK_BYTES = 4
LEAST_FRAME = _START_BYTES + _MASK_BYTES
"""The size of a masked frame with an empty payload."""

parse = WebSocketReader.feed_data
"""aiohttp's parser. Call it with a `FrameReader` and bytes that are already checked. The parser
passes each message to ``feed_data`` of the reader's queue, which is a `protocol.WebSocket`."""


class FrameQueue(WebSocketDataQueue):
    """Receives messages from aiohttp's parser; the subclass `WebSocket` handles them at once."""

    __slots__ = ("packets_left",)

    packets_left: int
    """The number of frames that the rate limit still allows. `FrameReader` subtracts one for each
    fragment except the last of a message. `WebSocket.feed_data` subtracts one for each complete
    message and each control frame.
    """

    # aiohttp's parser pauses reading when `_size` exceeds `_limit`. Both values stay 0, because
    # nothing is queued.
    _size = 0
    _limit = 0


class FrameReader(WebSocketReader):
    """Rejects frames that a client must not send, with close code 1002.

    - a frame without a mask (RFC 6455, section 5.1)
    - a length that is not in its shortest form (5.2)
    - a new message before the last fragment of the previous one (5.4)

    Frames before the rejected frame are handled normally. aiohttp's parser rejects the other
    violations: reserved bits and opcodes, fragmented or long control frames, a continuation without
    a message, a length of 2**63 or more, text that is not UTF-8.
    """

    __slots__ = (
        "_failed",
        "_header_start",
        "_in_message",
        "_queue",
        "_to_skip",
        "is_between_messages",
    )

    def __init__(self, queue: FrameQueue, max_message_bytes: int) -> None:
        # Add one byte, because aiohttp also rejects messages that are exactly as long as its limit.
        super().__init__(queue, max_message_bytes + 1, compress=False, decode_text=True)
        self._queue = queue
        """Receives messages and errors."""
        self._failed = False
        """Whether the client has broken a rule; if so, all further data is ignored."""
        self._to_skip = 0
        """The number of missing bytes of the current frame's mask and payload."""
        self._header_start = b""
        """The bytes received so far of an incomplete header."""
        self._in_message = False
        """Whether a fragmented message is incomplete."""
        self.is_between_messages = True
        """Whether all received frames and messages are complete and valid."""

    def feed_data(self, data: bytes | bytearray | memoryview) -> tuple[bool, bytes]:
        """Check and parse received bytes, up to the first frame that breaks a rule."""
        end = len(data)
        if self._failed:
            return True, b""
        valid_bytes = self._check(data, end)
        if valid_bytes == end:
            return parse(self, data)
        self._failed, self.is_between_messages = True, False
        parse(self, data[:valid_bytes])
        reason = "a frame that no client may send"
        self._queue.set_exception(WebSocketError(WSCloseCode.PROTOCOL_ERROR, reason))
        return True, b""

    def _check(self, data: bytes | bytearray | memoryview, end: int) -> int:
        """Return the number of valid bytes: all bytes, or only those before the first bad frame."""
        at = self._to_skip
        if not (self._header_start or self._in_message):
            at = _skip_short_texts(data, at, end)
        while at < end:
            # Fast path: read the header in place, because nearly all frames are whole messages
            # below 64 kB.
            is_simple = (
                end - at >= _MEDIUM_BYTES and not self._header_start and not self._in_message
            )
            if is_simple and data[at] == FINAL_TEXT:
                second = data[at + 1]
                if MASKED <= second < _MASKED_MEDIUM:
                    at += LEAST_FRAME + second - MASKED
                    continue
                length = data[at + 2] << 8 | data[at + 3]
                if second == _MASKED_MEDIUM and length >= MEDIUM:
                    at += _MEDIUM_BYTES + _MASK_BYTES + length
                    continue
            missing_bytes = _LONG_BYTES - len(self._header_start)
            header = self._header_start + bytes(data[at : at + missing_bytes])
            if len(header) >= _START_BYTES and not self._may_start(header):
                return at
            length, header_bytes = _read_length(header)
            if header_bytes > len(header):
                self._header_start, at = header, end
                break
            if length < 0:
                return at
            at += header_bytes - len(self._header_start) + _MASK_BYTES + length
            self._header_start = b""
            if header[0] & _OPCODE < _FIRST_CONTROL:
                self._in_message = not header[0] & _FINAL
                self._queue.packets_left -= self._in_message
        self._to_skip = at - end
        self.is_between_messages = not (self._to_skip or self._header_start or self._in_message)
        return end

    def _may_start(self, header: bytes) -> bool:
        is_new_message = _CONTINUATION < header[0] & _OPCODE < _FIRST_CONTROL
        return header[1] >= MASKED and not (is_new_message and self._in_message)


def _skip_short_texts(data: bytes | bytearray | memoryview, at: int, end: int) -> int:
    """Skip consecutive short text messages, and return the position after them."""
    while at + 1 < end and data[at] == FINAL_TEXT:
        second = data[at + 1]
        if not MASKED <= second < _MASKED_MEDIUM:
            break
        at += LEAST_FRAME + second - MASKED
    return at


def _read_length(header: bytes) -> tuple[int, int]:
    """Return the payload's length (-1 if not in its shortest form) and the header's size."""
    if len(header) < _START_BYTES:
        return 0, _START_BYTES
    length = header[1] & _LENGTH
    if length < MEDIUM:
        return length, _START_BYTES
    if length == MEDIUM:
        length = int.from_bytes(header[_START_BYTES:_MEDIUM_BYTES])
        return length if length >= MEDIUM else -1, _MEDIUM_BYTES
    length = int.from_bytes(header[_START_BYTES:_LONG_BYTES])
    return length if length >= _LEAST_LONG else -1, _LONG_BYTES
