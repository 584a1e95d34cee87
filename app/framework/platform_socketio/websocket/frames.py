"""WebSocket frames as a server writes them: final, unmasked, uncompressed (RFC 6455, 5.2)."""

_TEXT, _CLOSE, _PONG = b"\x81", b"\x88", b"\x8a"

_SHORT = 126
_MEDIUM = 65_536
_SHORT_TEXT = tuple(_TEXT + bytes([length]) for length in range(_SHORT))
"""The whole header of a short text by its length: most frames are short texts."""


def text(payload: bytes) -> bytes:
    """A text message in one frame; ``payload`` is UTF-8."""
    length = len(payload)
    if length < _SHORT:
        return _SHORT_TEXT[length] + payload
    if length < _MEDIUM:
        return b"\x81\x7e%b%b" % (length.to_bytes(2), payload)
    return b"\x81\x7f%b%b" % (length.to_bytes(8), payload)


def close(code: int) -> bytes:
    """The close frame with a status code (7.4)."""
    return _CLOSE + b"\x02" + code.to_bytes(2)


def pong(payload: bytes) -> bytes:
    """The answer to a ping with this payload, of 125 bytes at most."""
    return _PONG + bytes([len(payload)]) + payload
