"""aiohttp's parser of WebSocket frames, with the rules of RFC 6455 that it lacks."""

from aiohttp import WebSocketError, WSCloseCode
from aiohttp._websocket.reader import WebSocketDataQueue, WebSocketReader

_FINAL_TEXT = 0x81
_FINAL, _OPCODE = 0x80, 0x0F
_CONTINUATION, _FIRST_CONTROL = 0x0, 0x8
_MASKED, _LENGTH = 0x80, 0x7F
_MEDIUM = 126
_MASKED_MEDIUM = _MASKED | _MEDIUM
_LEAST_LONG = 65_536
_START_BYTES, _MEDIUM_BYTES, _LONG_BYTES = 2, 4, 10
"""Of a header without its mask, by the form of the payload's length."""
_MASK_BYTES = 4
_LEAST_FRAME = _START_BYTES + _MASK_BYTES

_feed_data = WebSocketReader.feed_data


class FrameQueue(WebSocketDataQueue):
    """Receives what `FrameReader` parses. It queues nothing and skips the base's constructor."""

    __slots__ = ("packets_left",)

    packets_left: int
    """How many more frames the client may send. The reader subtracts each fragment that does not
    end a message; the queue subtracts each message and control frame that it receives."""

    # aiohttp's parser reads these to stop when much is queued. Nothing ever is.
    _size = 0
    _limit = 0


class FrameReader(WebSocketReader):
    """Refuses with 1002 what a client must not send. The frames before it are still handled.

    - a frame that is not masked (section 5.1)
    - a length that is not written in its shortest form (5.2)
    - a new message before the last fragment of the one before (5.4)

    aiohttp refuses the rest: reserved bits and opcodes, fragmented or long control frames,
    a continuation of nothing, a length of 2**63 or more, text that is not UTF-8.
    """

    __slots__ = (
        "_failed",
        "_in_message",
        "_is_between",
        "_queue",
        "_start",
        "_to_skip",
    )

    def __init__(self, queue: FrameQueue, max_message_bytes: int) -> None:
        # aiohttp refuses what is as long as its limit; we refuse what is longer than the setting.
        super().__init__(queue, max_message_bytes + 1, compress=False, decode_text=True)
        self._queue = queue
        self._failed = False
        self._to_skip = 0
        """How much of a frame's mask and payload is still to come."""
        self._start = b""
        """The start of a header whose rest is still to come."""
        self._in_message = False
        """Whether a fragment has come that was not the last one of its message."""
        self._is_between = True
        """Whether nothing of this is so, and a new message may begin."""

    def feed_data(self, data: bytes | bytearray | memoryview) -> tuple[bool, bytes]:
        """Parse what has come, as far as it keeps the rules."""
        end = len(data)
        # Most reads are one short text frame: looking at it costs 0.15 us, where an event costs 25.
        if (
            _LEAST_FRAME <= end < _LEAST_FRAME + _MEDIUM
            and self._is_between
            and data[0] == _FINAL_TEXT
            and data[1] == _MASKED + end - _LEAST_FRAME
        ):
            return _feed_data(self, data)
        if self._failed:
            return True, b""
        kept = self._check(data, end)
        if kept == end:
            return _feed_data(self, data)
        self._failed, self._is_between = True, False
        _feed_data(self, data[:kept])
        reason = "a frame that no client may send"
        self._queue.set_exception(WebSocketError(WSCloseCode.PROTOCOL_ERROR, reason))
        return True, b""

    def _check(self, data: bytes | bytearray | memoryview, end: int) -> int:
        """How many bytes keep the rules: all, or those before the frame that breaks one."""
        at = self._to_skip
        if not (self._start or self._in_message):
            at = _after_short_texts(data, at, end)
        while at < end:
            # Nearly all frames are whole messages of up to 64 kB: these are looked at in place.
            is_simple = end - at >= _MEDIUM_BYTES and not self._start and not self._in_message
            if is_simple and data[at] == _FINAL_TEXT:
                second = data[at + 1]
                if _MASKED <= second < _MASKED_MEDIUM:
                    at += _LEAST_FRAME + second - _MASKED
                    continue
                length = data[at + 2] << 8 | data[at + 3]
                if second == _MASKED_MEDIUM and length >= _MEDIUM:
                    at += _MEDIUM_BYTES + _MASK_BYTES + length
                    continue
            header = self._start + bytes(data[at : at + _LONG_BYTES - len(self._start)])
            if len(header) >= _START_BYTES and not self._may_start(header):
                return at
            length, header_bytes = _read_length(header)
            if header_bytes > len(header):
                self._start, at = header, end
                break
            if length < 0:
                return at
            at += header_bytes - len(self._start) + _MASK_BYTES + length
            self._start = b""
            if header[0] & _OPCODE < _FIRST_CONTROL:
                self._in_message = not header[0] & _FINAL
                self._queue.packets_left -= self._in_message
        self._to_skip = at - end
        self._is_between = not (self._to_skip or self._start or self._in_message)
        return end

    def _may_start(self, header: bytes) -> bool:
        is_new_message = _CONTINUATION < header[0] & _OPCODE < _FIRST_CONTROL
        return header[1] >= _MASKED and not (is_new_message and self._in_message)


def _after_short_texts(data: bytes | bytearray | memoryview, at: int, end: int) -> int:
    """Pass over pipelined events, which are short text frames, by their lengths alone."""
    while at + 1 < end and data[at] == _FINAL_TEXT:
        second = data[at + 1]
        if not _MASKED <= second < _MASKED_MEDIUM:
            break
        at += _LEAST_FRAME + second - _MASKED
    return at


def _read_length(header: bytes) -> tuple[int, int]:
    """The payload's length, -1 if it is not in its shortest form; and how long the header is."""
    if len(header) < _START_BYTES:
        return 0, _START_BYTES
    length = header[1] & _LENGTH
    if length < _MEDIUM:
        return length, _START_BYTES
    if length == _MEDIUM:
        length = int.from_bytes(header[_START_BYTES:_MEDIUM_BYTES])
        return length if length >= _MEDIUM else -1, _MEDIUM_BYTES
    length = int.from_bytes(header[_START_BYTES:_LONG_BYTES])
    return length if length >= _LEAST_LONG else -1, _LONG_BYTES
