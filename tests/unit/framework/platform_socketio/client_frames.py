"""Builds WebSocket frames as clients send them. The mask is zero, so payloads are readable."""

from app.framework.platform_socketio.websocket.write_batcher import close_frame, text_frame

_LENGTH_BYTES = {126: 2, 127: 8}


def masked(frame: bytes) -> bytes:
    """Add a zero mask to a server's frame (RFC 6455, section 5.3)."""
    header_bytes = 2 + _LENGTH_BYTES.get(frame[1], 0)
    header = bytes([frame[0], frame[1] | 0x80]) + frame[2:header_bytes]
    return header + b"\0\0\0\0" + frame[header_bytes:]


def text(payload: bytes) -> bytes:
    """Build a text message of one frame."""
    return masked(text_frame(payload))


def close(code: int) -> bytes:
    """Build a close frame with this status code."""
    return masked(close_frame(code))
