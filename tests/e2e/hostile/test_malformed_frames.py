import io
import json

import pytest

from app.framework import EngineOptions
from tests.e2e.hostile.probe_server import ProbeServer
from tests.e2e.hostile.raw_client import (
    BINARY,
    CLOSE,
    PING,
    TEXT,
    RawClient,
    fragments,
    frame,
    websocket_client,
)

NO_ENGINE_PACKET = ["", "x", "0", "2", "2probe", "5", "6", "7", "bAAAA", "\0", "é", "[]", "-1"]
NO_PACKET = [
    "4",
    "4\0",
    "4x",
    "4[[[[",
    "43",
    "430",
    "43{}",
    "44",
    "44{}",
    '44{"message":"x"}',
    "45",
    '451-["a",{"_placeholder":true,"num":0}]',
    '450-["a"]',
    '459999999999-["a",{"_placeholder":true,"num":0}]',
    '461-[{"_placeholder":true,"num":0}]',
    "48",
    "4²",
]
NO_CONNECT = ["40[]", '40"x"', "401", "40{", "40{}{}", "40nonsense", '40/,{"a":', "401{}"]
NO_EVENT = [
    "42",
    "42[]",
    "42{}",
    '42[["a"]]',
    "42[{}]",
    "42[null]",
    "42[0]",
    "42[1",
    "42[true]",
    '421{"a":1}',
    '42"a"',
    '42["a"',
    '42["a"]]',
    '42["a",]',
    "42['a']",
    '42 ["a"]',
    '42-1["a"]',
    '421.5["a"]',
    '42٣["a"]',
    f'42{"9" * 100}["a"]',
    '42["a",NaN]',
    '42["a",Infinity]',
    '42["a",undefined]',
    '42["a",1e999]',
    '42["a","\\ud800",-1e999]',
    f'42["a",{"9" * 5000}]',
    f'42["a",{"[" * 65}{"]" * 65}]',
    f"42{'[' * 60_000}",
    f'42["a",{"{" * 60_000}',
    '42["a","\\x"]',
    '42["a","\x01"]',
    '42["connect"]',
    '42["disconnect","x"]',
    '42["disconnecting"]',
    '42["connect_error"]',
    '42["newListener"]',
    '42["removeListener"]',
    "41{}",
    "41[1]",
    "411",
]
NOT_IN_NAMESPACE = ["41/nowhere", "41/nowhere,", '42/nowhere,["echo",1]', "43/nowhere,1[]"]

MALFORMED_ANYWHERE = [*NO_ENGINE_PACKET, *NO_PACKET, *NO_CONNECT, *NO_EVENT, *NOT_IN_NAMESPACE]

ECHO = b'42["echo",""]'

BROKEN_BYTES = {
    "binary": frame(b"\x04ab", opcode=BINARY),
    "empty binary": frame(b"", opcode=BINARY),
    "invalid utf-8": frame(b'42["\xff\xfe"]'),
    "utf-8 surrogate": frame(b'42["\xed\xa0\x80"]'),
    "unmasked reserved opcode": frame(b"", opcode=3),
    "unmasked event": b"\x81\x0d" + ECHO,
    "length in a longer form": b"\x81\xfe\x00\x0d\0\0\0\0" + ECHO,
    "text within fragments that are empty": frame(b"", final=False) + frame(ECHO),
    "control frame in pieces": frame(b"", opcode=PING, final=False),
    "control frame too long": frame(b"x" * 126, opcode=PING),
    "continuation of nothing": frame(b"x", opcode=0),
    "text within a fragmented text": frame(b"4", final=False) + frame(b"4"),
    "compressed without agreement": b"\xc1\x80\0\0\0\0",
    "length of 2**63": b"\x81\xff" + b"\xff" * 8 + b"\0\0\0\0",
    "half a close code": frame(b"\x03", opcode=CLOSE),
    "forbidden close code": frame(b"\x03\xed", opcode=CLOSE),
    "HTTP": b"GET / HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n",
}


async def _assert_served(client: RawClient) -> None:
    client.send('42["publish","still here"]')
    assert '42["published","still here"]' == await client.receive()


@pytest.mark.parametrize("text", MALFORMED_ANYWHERE, ids=lambda text: repr(text[:24]))
async def test_malformed_packet_closes_in_time_when_admitted(
    probe: ProbeServer, log: io.StringIO, text: str
) -> None:
    """The malformed packet runs no handler, causes no traceback, and delays no other client."""
    async with probe.admitted() as (other, _), probe.admitted() as (client, sid):
        client.send(text, '42["echo","behind"]')

        assert [] == await client.everything()
        assert [("disconnect", sid, "parse error")] == await probe.journal.until_count("disconnect")
        assert [] == probe.journal.of("event")
        await _assert_served(other)
    assert "Traceback" not in log.getvalue()


@pytest.mark.parametrize("text", MALFORMED_ANYWHERE, ids=lambda text: repr(text[:24]))
async def test_malformed_packet_closes_in_time_when_not_connected(
    probe: ProbeServer, log: io.StringIO, text: str
) -> None:
    """No hook runs, because the client has no socket yet."""
    async with probe.client() as client:
        client.send(text, "40")

        assert [] == await client.everything()
    await probe.until_empty()
    assert [] == probe.journal.entries
    assert "Traceback" not in log.getvalue()


@pytest.mark.parametrize("text", [*NO_ENGINE_PACKET, "4", "42[]", '42["disconnect"]'])
async def test_malformed_packet_leaves_no_ghost_when_it_follows_connect_at_once(
    probe: ProbeServer, text: str
) -> None:
    """A client that was not admitted yet is in no room."""
    async with probe.admitted() as (other, _), probe.client() as client:
        client.connect(None, text)
        await client.everything()

        await _assert_served(other)
    await probe.until_empty()
    assert len(probe.journal.of("connection")) == len(probe.journal.of("disconnect"))


@pytest.mark.parametrize("name", BROKEN_BYTES)
async def test_broken_websocket_frame_closes_in_time_when_admitted(
    probe: ProbeServer, log: io.StringIO, name: str
) -> None:
    """The connection ends, and other clients are still served."""
    async with probe.admitted() as (other, _), probe.admitted() as (client, sid):
        client.send_bytes(BROKEN_BYTES[name])

        assert [] == await client.everything()
        ((_, gone, reason),) = await probe.journal.until_count("disconnect")
        assert sid == gone
        assert reason in {"parse error", "transport close"}
        await _assert_served(other)
    assert "Traceback" not in log.getvalue()


@pytest.mark.parametrize(
    "text",
    [
        '42["echo","\\ud800"]',
        '42["\\udfff no such event",{"a":"\\ud800","b":1e308}]',
        '42["no such event\\u0000\\u001b[2J"]',
        '42["__proto__",{"__proto__":{"a":1},"constructor":{}}]',
        '42["",null]',
        f'42["echo",{"[" * 61}{"]" * 61}]',
        '42["echo","[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[["]',
        '42["echo",123456789012345678901234567890]',
        '42["echo",1,2,3]',
    ],
)
async def test_strange_event_is_answered_when_it_is_well_formed(
    probe: ProbeServer, log: io.StringIO, text: str
) -> None:
    """The server accepts and answers every packet that socket.io-parser accepts."""
    async with probe.admitted() as (client, _):
        client.send(text.replace("42[", "427[", 1))

        head, _data = await client.receive_packet()

        assert "437" == head
        client.send(text)
        await _assert_served_after(client)
    assert "Traceback" not in log.getvalue()


async def _assert_served_after(client: RawClient) -> None:
    client.send('428["echo","next"]')
    while (text := await client.receive()) != '438["next"]':
        assert json.loads(text[2:])[0] == "exception"


@pytest.mark.parametrize("probe", [EngineOptions(max_frame_bytes=1000)], indirect=True)
@pytest.mark.parametrize("pieces_of", [None, 7])
async def test_frame_is_accepted_when_exactly_as_long_as_the_limit(
    probe: ProbeServer, pieces_of: int | None
) -> None:
    """The limit is the same for whole and for fragmented frames."""
    async with probe.admitted() as (client, _):
        payload = _echo_of_length(1000)
        client.send_bytes(frame(payload) if pieces_of is None else fragments(payload, pieces_of))

        assert "431" == (await client.receive_packet())[0]


@pytest.mark.parametrize("probe", [EngineOptions(max_frame_bytes=1000)], indirect=True)
@pytest.mark.parametrize("pieces_of", [None, 7])
async def test_frame_closes_the_connection_when_longer_than_the_limit(
    probe: ProbeServer, pieces_of: int | None
) -> None:
    """One byte above the limit closes the connection, even if the message is fragmented."""
    async with probe.admitted() as (client, sid):
        payload = _echo_of_length(1001)
        client.send_bytes(frame(payload) if pieces_of is None else fragments(payload, pieces_of))

        assert [] == await client.everything()
        assert [("disconnect", sid, "parse error")] == await probe.journal.until_count("disconnect")
    assert [] == probe.journal.of("event")


async def test_message_is_handled_once_when_it_comes_in_single_bytes(probe: ProbeServer) -> None:
    """A message of one-byte fragments is handled once, even with pings between the fragments."""
    async with probe.admitted() as (client, _):
        pieces = [
            frame(bytes([byte]), opcode=TEXT if number == 0 else 0, final=False)
            for number, byte in enumerate(b'421["echo",1]')
        ]
        client.send_bytes(frame(b"", opcode=PING).join(pieces) + frame(b"", opcode=0))

        while (answer := await client.receive_frame())[0] != TEXT:
            pass

        assert (TEXT, b"431[1]") == answer
        assert 1 == len(probe.journal.of("event"))


async def test_compression_is_not_negotiated_when_offered(probe: ProbeServer) -> None:
    """The extension permessage-deflate would use memory for each connection."""
    headers = {"Sec-WebSocket-Extensions": "permessage-deflate; client_max_window_bits"}
    async with websocket_client(probe.url, headers) as client:
        assert 101 == client.status
        assert "permessage-deflate" not in client.response_head


def _echo_of_length(length: int) -> bytes:
    start, end = b'421["echo","', b'"]'
    return start + b"x" * (length - len(start) - len(end)) + end
