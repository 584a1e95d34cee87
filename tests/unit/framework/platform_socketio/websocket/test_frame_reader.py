"""Tests the reader of frames that clients send.

The tested module is app/framework/platform_socketio/websocket/frame_reader.py.
"""

from itertools import pairwise

import pytest
from aiohttp import WebSocketError, WSCloseCode, WSMsgType
from hypothesis import given
from hypothesis import strategies as st

from app.framework.platform_socketio.websocket.frame_reader import FrameReader
from app.framework.platform_socketio.websocket.write_batcher import close_frame, text_frame
from tests.unit.framework.platform_socketio.client_frames import close, masked, text
from tests.unit.framework.platform_socketio.parser_queue import Queue

MAX_MESSAGE_BYTES = 100_000
MASK = b"\0\0\0\0"

BROKEN = {
    "unmasked": text_frame(b"4"),
    "unmasked medium": text_frame(b"4" * 126),
    "unmasked long": text_frame(b"4" * 65_536),
    "unmasked ping": b"\x89\x00",
    "unmasked close": close_frame(1000),
    "unmasked continuation": masked(b"\x01\x01a") + b"\x80\x01b",
    "text within a fragmented text": masked(b"\x01\x01a") + text(b"b"),
    "text within a text of empty fragments": masked(b"\x01\x00") + text(b"b"),
    "binary within a text of empty fragments": masked(b"\x01\x00") + masked(b"\x82\x00"),
    "continuation of nothing": masked(b"\x80\x01a"),
    "short length in two bytes": b"\x81\xfe\x00\x7d" + MASK + b"a" * 125,
    "short length in eight bytes": b"\x81\xff" + (5).to_bytes(8) + MASK + b"a" * 5,
    "medium length in eight bytes": b"\x81\xff" + (65_535).to_bytes(8) + MASK + b"a" * 65_535,
    "reserved bit 1": masked(b"\xc1\x00"),
    "reserved bit 2": masked(b"\xa1\x00"),
    "reserved bit 3": masked(b"\x91\x00"),
    "reserved bit of a ping": masked(b"\xc9\x00"),
    "reserved opcode 3": masked(b"\x83\x00"),
    "reserved opcode 11": masked(b"\x8b\x00"),
    "ping in fragments": masked(b"\x09\x00"),
    "close in fragments": masked(b"\x08\x00"),
    "ping with a medium length": b"\x89\xfe\x00\x7e" + MASK + b"a" * 126,
    "close with half a code": masked(b"\x88\x01\x03"),
    "close with a forbidden code": close(1005),
}


def read(data: bytes, *cuts: int) -> Queue:
    """Read the data in one piece, or split at the given bytes."""
    queue = Queue()
    reader = FrameReader(queue, MAX_MESSAGE_BYTES)
    edges = [0, *cuts, len(data)]
    for start, end in pairwise(edges):
        reader.feed_data(data[start:end])
    return queue


def codes(queue: Queue) -> list[int]:
    return [each.code for each in queue.errors if isinstance(each, WebSocketError)]


@pytest.mark.parametrize("data", BROKEN.values(), ids=BROKEN)
def test_frame_is_refused_with_1002_when_no_client_may_send_it(data: bytes) -> None:
    """Frames before the invalid one are handled, later ones are not, wherever the data is split."""
    everything = text(b"before") + data + text(b"behind")
    cuts = {0, 7, 13, 14, 15, 16, len(everything) - 13}

    for cut in cuts:
        queue = read(everything, cut)

        assert [WSCloseCode.PROTOCOL_ERROR] == codes(queue)
        assert [(WSMsgType.TEXT, "before", "")] == queue.fed


def test_frame_is_refused_when_its_length_has_the_highest_bit() -> None:
    """RFC 6455, section 5.2, requires the highest bit of the length to be zero."""
    queue = read(b"\x81\xff" + b"\xff" * 8 + MASK)

    assert [WSCloseCode.MESSAGE_TOO_BIG] == codes(queue)


def test_frame_is_refused_at_its_second_byte_when_it_is_not_masked() -> None:
    """The reader rejects the frame before its payload arrives."""
    assert [WSCloseCode.PROTOCOL_ERROR] == codes(read(b"\x81\x7f"))


@pytest.mark.parametrize("length", [0, 1, 125, 126, 127, 65_535, 65_536, MAX_MESSAGE_BYTES])
def test_message_is_read_when_it_keeps_the_rules(length: int) -> None:
    """Each encoding of the length is tested at its bounds, with data cut in header and payload."""
    data = text(b"x" * length)
    expected = [(WSMsgType.TEXT, "x" * length, ""), (WSMsgType.TEXT, "next", "")]

    for cut in [*range(min(16, len(data))), len(data) // 2, len(data) - 1, len(data)]:
        queue = read(data + text(b"next"), cut)

        assert expected == queue.fed
        assert [] == queue.errors


def test_message_is_read_when_a_control_frame_comes_between_its_fragments() -> None:
    """RFC 6455, section 5.4, allows control frames between the fragments of a message."""
    data = masked(b"\x01\x01a") + masked(b"\x89\x01p") + masked(b"\x00\x00") + masked(b"\x80\x01b")

    for cut in range(len(data)):
        queue = read(data, cut)

        assert [(WSMsgType.PING, b"p", ""), (WSMsgType.TEXT, "ab", "")] == queue.fed
        assert [] == queue.errors


@given(
    lengths=st.lists(st.sampled_from([0, 3, 119, 125, 126, 300, 65_535, 65_536]), max_size=6),
    data=st.data(),
)
def test_messages_are_read_wherever_the_reads_are_cut(
    lengths: list[int], data: st.DataObject
) -> None:
    """No state is left over from one frame to the next."""
    sent = b"".join([text(b"x" * length) for length in lengths])
    cuts = data.draw(st.lists(st.integers(0, len(sent)), max_size=8).map(sorted))

    queue = read(sent, *cuts)

    assert [(WSMsgType.TEXT, "x" * length, "") for length in lengths] == queue.fed
    assert [] == queue.errors
