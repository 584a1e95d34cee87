"""Tests that the server throttles or disconnects clients that send too much."""

import asyncio
import io
import json
import struct

import pytest

from app.framework import EngineOptions
from tests.deadlines import ANSWER_SECONDS
from tests.e2e.hostile.probe_server import ProbeServer, eventually
from tests.e2e.hostile.raw_client import CLOSE, PING, PONG, RawClient, frame, packet

FLOODS = {
    "pongs": frame(b"3"),
    "WebSocket pings": frame(b"x", opcode=PING),
    "WebSocket pongs": frame(b"", opcode=PONG),
    "acks of nothing": frame(b"4399[]"),
    "connects to no namespace": frame(b"40/nowhere,"),
    "connects again and again": frame(b"41") + frame(b"40"),
    "empty fragments": frame(b"", opcode=0, final=False) * 2_000,
}
WITHOUT_CONNECT = ("pongs", "WebSocket pings", "WebSocket pongs", "connects to no namespace")


async def code_of_the_end(client: RawClient, flood: bytes) -> int | None:
    """Repeat the flood until the connection is closed, and return the close code.

    Returns None if the server sent no close frame.
    """

    async def send() -> None:
        while True:
            client.send_bytes(flood * (1 + 4_096 // len(flood)))
            await client.writer.drain()

    sending = asyncio.create_task(send())
    try:
        async with asyncio.timeout(ANSWER_SECONDS):
            while True:
                opcode, payload = await client.next_frame()
                if opcode == CLOSE:
                    return int(struct.unpack("!H", payload[:2])[0])
    except EOFError:
        return None
    finally:
        sending.cancel()
        await asyncio.wait([sending])


@pytest.mark.parametrize("kind", FLOODS)
async def test_flood_of_an_admitted_client_ends_its_connection(
    probe: ProbeServer, log: io.StringIO, kind: str
) -> None:
    """Other connections stay open, and one line is logged."""
    async with probe.admitted() as (other, _), probe.admitted() as (client, _):
        if kind == "empty fragments":
            client.send_bytes(frame(b"", final=False))
        code = await code_of_the_end(client, FLOODS[kind])

        other.send('421["echo","still here"]')
        while (answer := await other.receive()) == "2":
            pass
    await probe.until_empty()

    assert '431["still here"]' == answer
    if kind != "connects to no namespace":  # The eleventh frame ends the connection.
        assert code in (1008, None)
        assert 1 == log.getvalue().count("flooding client cut off")


@pytest.mark.parametrize("kind", WITHOUT_CONNECT)
async def test_flood_before_connect_ends_the_connection(probe: ProbeServer, kind: str) -> None:
    """The connection ends long before its connect timeout."""
    async with probe.client() as client:
        await code_of_the_end(client, FLOODS[kind])
    await probe.until_empty()


async def test_floods_are_logged_once_a_minute_when_there_are_many(
    probe: ProbeServer, log: io.StringIO
) -> None:
    """Clients without a token cannot fill the log."""
    for _ in range(5):
        async with probe.client() as client:
            await code_of_the_end(client, FLOODS["pongs"])

    (line,) = [line for line in log.getvalue().splitlines() if "flooding client cut off" in line]
    assert ("127.0.0.1", 1_000) == (
        json.loads(line)["address"],
        json.loads(line)["max_packets_per_second"],
    )


@pytest.mark.parametrize("probe", [EngineOptions(ping_interval_seconds=0.1)], indirect=True)
async def test_one_answer_is_sent_when_a_client_ignores_its_limit(probe: ProbeServer) -> None:
    """The server stops reading from the client until the client may send again.

    Meanwhile a ping detects that the client has left.
    """
    async with probe.admitted() as (client, _):
        client.send(*(f'42{number}["limited"]' for number in range(500)))
        while (text := await client.receive()) == "2":
            pass
        head, (refusal,) = packet(text)
        (connection,) = probe.sockets.eio.sockets.values()
        await eventually(lambda: not connection.is_reading, lambda: len(connection._inbox))

        assert ("430", 60_000) == (head, refusal["retryAfterMs"])
        assert 1 == len(probe.journal.of("limited"))
    await probe.journal.until_count("disconnect")
    await probe.until_empty()
    assert 1 == len(probe.journal.of("limited"))


@pytest.mark.parametrize(
    "probe",
    [EngineOptions(ping_interval_seconds=0.1, ping_timeout_seconds=0.1)],
    indirect=True,
)
@pytest.mark.parametrize("events", [1, 200])
async def test_client_is_not_blamed_for_silence_when_it_has_to_wait(
    probe: ProbeServer, events: int
) -> None:
    """A throttled client stays connected, even while the server does not read its pongs."""
    async with probe.admitted() as (client, _):
        client.send(*['42["limited"]'] * events)
        await probe.journal.until_count("limited")

        pings = 0
        while pings < 6:
            if await client.receive() == "2":
                client.send("3")
                pings += 1

        assert [] == probe.journal.of("disconnect")
