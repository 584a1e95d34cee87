"""WebSocket frames as a client writes them. The mask is zero, so payloads can be read."""

from app.framework.platform_socketio.websocket.frames import close_frame, text_frame

_LENGTH_BYTES = {126: 2, 127: 8}


def masked(frame: bytes) -> bytes:
    """A server's frame as a client sends it (RFC 6455, 5.3)."""
    header_bytes = 2 + _LENGTH_BYTES.get(frame[1], 0)
    header = bytes([frame[0], frame[1] | 0x80]) + frame[2:header_bytes]
    return header + b"\0\0\0\0" + frame[header_bytes:]


def text(payload: bytes) -> bytes:
    """A text message in one frame."""
    return masked(text_frame(payload))


def close(code: int) -> bytes:
    """The close frame with a status code."""
    return masked(close_frame(code))
