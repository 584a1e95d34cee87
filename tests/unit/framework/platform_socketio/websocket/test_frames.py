"""Tests the frames that the server sends.

The tested module is app/framework/platform_socketio/websocket/write_batcher.py.
"""

import pytest
from aiohttp import WSCloseCode, WSMsgType
from aiohttp._websocket.reader import WebSocketReader
from aiohttp._websocket.writer import WebSocketWriter
from aiohttp.base_protocol import BaseProtocol
from hypothesis import given
from hypothesis import strategies as st

from app.framework.platform_socketio.websocket.write_batcher import (
    close_frame,
    pong_frame,
    text_frame,
)
from tests.unit.framework.platform_socketio.parser_queue import Queue

LENGTHS = [0, 1, 125, 126, 127, 65_535, 65_536, 70_000]


class _Written:
    """A transport that records the bytes that aiohttp's writer sends."""

    def __init__(self) -> None:
        self.data = b""

    def write(self, data: bytes) -> None:
        self.data += data

    def writelines(self, parts: list[bytes]) -> None:
        self.data += b"".join(parts)

    def is_closing(self) -> bool:
        return False


async def _by_aiohttp(payload: bytes, kind: WSMsgType) -> bytes:
    written = _Written()
    writer = WebSocketWriter(_Protocol(), written)  # type: ignore[arg-type] # it has the methods used here
    await writer.send_frame(payload, kind)
    return written.data


class _Protocol(BaseProtocol):
    """A protocol that never makes the writer wait."""

    def __init__(self) -> None:
        """Skip the base's constructor, which needs a loop."""

    async def _drain_helper(self) -> None:
        """Return at once."""


def _read(data: bytes) -> list[object]:
    queue = Queue()
    WebSocketReader(queue, 100_000, compress=False, decode_text=True).feed_data(data)
    assert [] == queue.errors
    return [(message[0], message[1]) for message in queue.fed]


@pytest.mark.parametrize(
    ("length", "header"),
    [
        (0, b"\x81\x00"),
        (125, b"\x81\x7d"),
        (126, b"\x81\x7e\x00\x7e"),
        (65_535, b"\x81\x7e\xff\xff"),
        (65_536, b"\x81\x7f\x00\x00\x00\x00\x00\x01\x00\x00"),
    ],
)
def test_header_has_the_shortest_form_when_a_text_is_long(length: int, header: bytes) -> None:
    """RFC 6455, section 5.2, requires the shortest form of the length."""
    assert header + b"a" * length == text_frame(b"a" * length)


@pytest.mark.parametrize("length", LENGTHS)
async def test_text_has_aiohttps_bytes_when_written(length: int) -> None:
    payload = b"a" * length

    assert await _by_aiohttp(payload, WSMsgType.TEXT) == text_frame(payload)


@pytest.mark.parametrize("length", [0, 1, 125])
async def test_pong_has_aiohttps_bytes_when_written(length: int) -> None:
    payload = b"a" * length

    assert await _by_aiohttp(payload, WSMsgType.PONG) == pong_frame(payload)


@given(st.lists(st.text(max_size=300), max_size=5))
def test_texts_are_read_as_written_when_aiohttp_reads_them(texts: list[str]) -> None:
    """As the batcher does, the test writes several frames at once."""
    data = b"".join([text_frame(text.encode()) for text in texts])

    assert [(WSMsgType.TEXT, text) for text in texts] == _read(data)


@pytest.mark.parametrize("code", list(WSCloseCode))
def test_close_is_read_as_written_when_aiohttp_reads_it(code: WSCloseCode) -> None:
    assert [(WSMsgType.CLOSE, code)] == _read(close_frame(code))
