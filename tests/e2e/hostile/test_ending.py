"""Tests that a connection ends once, after its events, and with the same reason as in Node."""

import asyncio
import io
import json
from collections.abc import Callable
from contextlib import AsyncExitStack

import pytest

from app.framework import EngineOptions
from tests.e2e.hostile.probe_server import ProbeServer, eventually
from tests.e2e.hostile.raw_client import CLOSE, PING, RawClient, frame

CLOSE_FRAME = frame(b"\x03\xe8", opcode=CLOSE)

LONG_SECONDS = 3_600.0
"""A time after which something would happen that must not happen in the test."""

ENDINGS: dict[str, tuple[Callable[[RawClient], None], str]] = {
    "41": (lambda client: client.send("41"), "client namespace disconnect"),
    "41, and the close of the JavaScript client behind it": (
        lambda client: client.send_bytes(frame(b"41") + CLOSE_FRAME),
        "client namespace disconnect",
    ),
    "Engine.IO close": (lambda client: client.send("1"), "transport close"),
    "WebSocket close": (lambda client: client.send_bytes(CLOSE_FRAME), "transport close"),
    "end of file": (lambda client: client.writer.write_eof(), "transport close"),
    "reset": (lambda client: client.abort(), "transport close"),
    "malformed": (lambda client: client.send("x"), "parse error"),
    "binary": (lambda client: client.send_bytes(frame(b"x", opcode=2)), "parse error"),
    "server, socket": (
        lambda client: client.send('42["kick",0]'),
        "server namespace disconnect",
    ),
    "server, connection": (
        lambda client: client.send('42["kick",1]'),
        "server namespace disconnect",
    ),
}


@pytest.mark.parametrize("ending", ENDINGS)
async def test_disconnect_hook_runs_once_with_nodes_reason_when_a_socket_ends(
    probe: ProbeServer, ending: str
) -> None:
    end, reason = ENDINGS[ending]
    async with probe.admitted() as (client, sid):
        end(client)
        await probe.journal.until_count("disconnect")
    await probe.until_empty()

    assert [("disconnect", sid, reason)] == probe.journal.of("disconnect")


async def test_disconnect_hook_runs_once_when_the_server_shuts_down(probe: ProbeServer) -> None:
    """The close code is 1001, because JavaScript clients do not reconnect after a DISCONNECT."""
    async with probe.admitted() as (client, sid):
        closing = asyncio.create_task(probe.application.close())

        assert 1001 == await client.close_code()
        client.send_bytes(CLOSE_FRAME)
        await closing
    assert [("disconnect", sid, "server shutting down")] == probe.journal.of("disconnect")


@pytest.mark.parametrize("ending", ["41", "Engine.IO close", "WebSocket close", "end of file"])
async def test_events_are_handled_before_the_hook_when_the_end_is_right_behind_them(
    probe: ProbeServer, ending: str
) -> None:
    """As in Node, no event is lost if the client calls ``emit(); disconnect()``."""
    end, reason = ENDINGS[ending]
    async with probe.admitted() as (client, sid):
        client.send(*(f'42["echo",{number}]' for number in range(20)))
        end(client)
        await probe.journal.until_count("disconnect")

    expected = [("event", sid, str(number)) for number in range(20)]
    assert [*expected, ("disconnect", sid, reason)] == probe.journal.entries[1:]


async def test_hook_waits_for_a_running_handler_while_rooms_are_left_at_once(
    probe: ProbeServer,
) -> None:
    """The client leaves its rooms immediately, but its hook runs after its last event."""
    async with probe.admitted() as (client, _):
        client.send('42["slow",1]', '42["echo",2]')
        await probe.journal.until_count("begun")
        client.abort()
        await eventually(lambda: not probe.sockets.manager.rooms_in("/").groups, probe.residue)

        assert [] == probe.journal.of("disconnect")
        probe.release.set()
        await probe.journal.until_count("disconnect")

    assert ["begun", "event", "event", "disconnect"] == [
        entry[0] for entry in probe.journal.entries[1:]
    ]


async def test_only_running_events_are_handled_when_the_server_shuts_down(
    probe: ProbeServer,
) -> None:
    """The running event is acked, waiting events are refused, and later ones are not read."""
    async with probe.admitted() as (client, _):
        client.send('421["slow",1]', '422["echo",2]', '42["echo",3]')
        await probe.journal.until_count("begun")
        closing = asyncio.create_task(probe.application.close())

        client.send('424["echo",4]')
        probe.release.set()
        texts = [await client.receive() for _ in range(3)]
        code = await client.close_code()
        client.send_bytes(CLOSE_FRAME)
        await closing

    refused = {"code": "draining", "temporary": True}
    (ack,), (_, exception) = json.loads(texts[1][3:]), json.loads(texts[2][2:])
    assert ("431[1]", 1001) == (texts[0], code)
    assert refused.items() <= ack.items()
    assert ("draining", {"pattern": "echo"}) == (exception["code"], exception["cause"])
    assert [("event", "1")] == [(name, text) for name, _, text in probe.journal.of("event")]


async def test_clients_are_served_until_their_batch_when_the_server_disconnects_them(
    probe: ProbeServer,
) -> None:
    """The first client is disconnected, a new one is rejected, and the last one is served."""
    async with probe.admitted() as (first, _), probe.admitted() as (last, _):
        disconnecting = asyncio.create_task(
            probe.application.disconnect_clients(LONG_SECONDS, LONG_SECONDS)
        )

        code = await first.close_code()
        async with probe.client() as refused:
            status = refused.status
        last.send('421["echo",1]')
        answer = await last.receive()
        disconnecting.cancel()

    assert (1001, 503, "431[1]") == (code, status, answer)


async def test_clients_are_disconnected_in_batches_when_there_are_many(probe: ProbeServer) -> None:
    """There are 20 batches, so two of 40 clients are disconnected together."""
    async with AsyncExitStack() as clients:
        admitted = [await clients.enter_async_context(probe.admitted()) for _ in range(40)]
        disconnecting = asyncio.create_task(
            probe.application.disconnect_clients(LONG_SECONDS, LONG_SECONDS)
        )

        codes = [await client.close_code() for client, _ in admitted[:2]]
        for client, _ in admitted[2:]:
            client.send('421["echo",1]')
        answers = [await client.receive() for client, _ in admitted[2:]]
        disconnecting.cancel()

    assert [1001] * 2 == codes
    assert ["431[1]"] * 38 == answers


async def test_running_event_is_acked_when_its_client_is_disconnected_in_a_batch(
    probe: ProbeServer,
) -> None:
    """A waiting event is refused. The clients of other batches do not wait for the running one."""
    async with probe.admitted() as (busy, _), probe.admitted() as (idle, _):
        busy.send('421["slow",1]', '422["echo",2]')
        await probe.journal.until_count("begun")
        disconnecting = asyncio.create_task(probe.application.disconnect_clients(0.1, LONG_SECONDS))

        codes = [await idle.close_code()]
        probe.release.set()
        texts = [await busy.receive() for _ in range(2)]
        codes.append(await busy.close_code())
        await disconnecting

    (ack,) = json.loads(texts[1][3:])
    assert ("431[1]", "draining") == (texts[0], ack["code"])
    assert [1001] * 2 == codes


async def test_client_is_disconnected_without_an_ack_when_its_handler_hangs(
    probe: ProbeServer,
) -> None:
    async with probe.admitted() as (client, _):
        client.send('421["slow",1]')
        await probe.journal.until_count("begun")

        await probe.application.disconnect_clients(0.1, ack_seconds=0.1)
        code = await client.close_code()

    assert 1001 == code


async def test_no_task_is_left_when_the_server_shuts_down_during_a_hanging_handler(
    probe: ProbeServer, log: io.StringIO
) -> None:
    """The handler is cancelled, waiting events are dropped, and the hook runs."""
    before = await probe.idle_tasks()
    async with probe.admitted() as (client, sid):
        client.send('42["slow",1]', '42["slow",2]', '42["echo",3]')
        await probe.journal.until_count("begun")

        await probe.application.close()

    await eventually(lambda: asyncio.all_tasks() <= before, asyncio.all_tasks)
    assert ("disconnect", sid, "server shutting down") == probe.journal.of("disconnect")[-1]
    assert [("begun", sid, "1")] == probe.journal.of("begun")
    assert [] == probe.journal.of("event")
    assert "Traceback" not in log.getvalue()


@pytest.mark.parametrize("probe", [EngineOptions(backlog_seconds=0.1)], indirect=True)
async def test_hook_runs_when_a_handler_hangs_behind_a_client_that_is_gone(
    probe: ProbeServer,
) -> None:
    """The disconnect hook runs soon, although an event of the client is still being handled."""
    async with probe.admitted() as (client, sid):
        client.send('42["slow",1]', '42["slow",2]')
        await probe.journal.until_count("begun")
        client.abort()

        await probe.journal.until_count("disconnect")

    assert [("begun", sid, "1")] == probe.journal.of("begun")
    await probe.until_empty()


@pytest.mark.parametrize(
    "probe",
    [
        EngineOptions(ping_interval_seconds=0.1, ping_timeout_seconds=0.1),
        EngineOptions(ping_interval_seconds=0.1, ping_timeout_seconds=0.25),
    ],
    indirect=True,
    ids=["one ping at a time", "pings faster than they expire"],
)
async def test_silent_client_is_gone_in_time_when_it_answers_no_ping(probe: ProbeServer) -> None:
    """The client is disconnected within five ping intervals; other clients stay connected."""
    async with probe.admitted() as (silent, sid), probe.admitted() as (other, _):
        assert "2" == await silent.receive()

        for _ in range(5):
            assert "2" == await other.receive()
            other.send("3")

        assert ("disconnect", sid, "ping timeout") in probe.journal.of("disconnect")
        other.send('421["publish","alive"]')
        assert '42["published","alive"]' in [await other.receive() for _ in range(2)]
        assert 1 == len(probe.journal.of("disconnect"))


@pytest.mark.parametrize(
    "probe",
    [EngineOptions(ping_interval_seconds=0.1, ping_timeout_seconds=0.1)],
    indirect=True,
)
async def test_pongs_count_when_a_handler_is_slow(probe: ProbeServer) -> None:
    """A client that waits for a slow handler is not disconnected."""
    async with probe.admitted() as (client, _):
        client.send('421["slow",1]', '422["echo",2]')

        for _ in range(6):
            assert "2" == await client.receive()
            client.send("3")
        probe.release.set()

        texts = [text for text in [await client.receive() for _ in range(3)] if text != "2"]
        assert ["431[1]", "432[2]"] == texts[:2]


@pytest.mark.parametrize(
    "probe",
    [EngineOptions(ping_interval_seconds=0.1, ping_timeout_seconds=0.1)],
    indirect=True,
)
async def test_client_is_not_blamed_for_silence_when_its_inbox_is_full(probe: ProbeServer) -> None:
    """A full inbox delays the client's events and pongs, without loss or reordering."""
    async with probe.admitted() as (client, _):
        client.send('42["slow",0]', *(f'42{number}["echo",{number}]' for number in range(200)))
        await probe.journal.until_count("begun")
        for _ in range(5):
            assert "2" == await client.receive()
        assert [] == probe.journal.of("event")
        probe.release.set()

        acks: list[str] = []
        while len(acks) < 200:
            text = await client.receive()
            if text == "2":
                client.send("3")
            else:
                acks.append(text)

        assert [f"43{number}[{number}]" for number in range(200)] == acks


@pytest.mark.parametrize(
    "probe",
    [EngineOptions(socket_queue_max_bytes=100_000, max_packets_per_second=10_000)],
    indirect=True,
)
async def test_stalled_reader_is_cut_off_while_others_are_served(
    probe: ProbeServer, log: io.StringIO
) -> None:
    """The client's buffer is bounded, no task is left, and other clients do not wait."""
    before = await probe.idle_tasks()
    text = json.dumps("x" * 10_000)
    async with (
        probe.client(receive_buffer=4096) as stalled,
        probe.admitted() as (other, _),
    ):
        stalled.connect()
        sid = (await probe.journal.until_count("connection", 3))[-1][1]
        for _ in range(2000):
            other.send(f'42["publish",{text}]')
            assert f'42["published",{text}]' == await other.receive()
            if len(probe.journal.of("disconnect")) > 1:
                break

        assert ("disconnect", sid, "transport error") == probe.journal.of("disconnect")[-1]
    await probe.until_empty()
    await eventually(lambda: asyncio.all_tasks() <= before, asyncio.all_tasks)
    assert 1 == log.getvalue().count("slow client cut off")
    assert "xxxx" not in log.getvalue()


@pytest.mark.parametrize(
    "probe",
    [EngineOptions(socket_queue_max_bytes=100_000, max_packets_per_second=10_000)],
    indirect=True,
)
async def test_stalled_reader_stays_when_it_misses_nothing_but_volatile_events(
    probe: ProbeServer,
) -> None:
    """The server drops volatile events for a stalled client, and delivers later events."""
    text = json.dumps("x" * 10_000)
    async with (
        probe.client(receive_buffer=4096) as stalled,
        probe.admitted() as (other, _),
    ):
        stalled.connect()
        await probe.journal.until_count("connection", 2)
        for _ in range(1_000):
            other.send(f'42["volatile",{text}]')
            assert f'42["volatile",{text}]' == await other.receive()
        other.send('42["publish","at last"]')

        received = [await stalled.receive()]
        while received[-1] != '42["published","at last"]':
            received.append(await stalled.receive())

        assert len(received) < 1_000
        assert [] == probe.journal.of("disconnect")


async def test_stalled_reader_is_gone_in_time_when_it_is_disconnected(probe: ProbeServer) -> None:
    """The server skips the close handshake, because the client does not read."""
    async with probe.client(receive_buffer=4096) as stalled:
        stalled.connect()
        await probe.journal.until_count("connection")
        async with probe.admitted() as (other, _):
            for _ in range(60):
                other.send(f'42["publish",{json.dumps("x" * 10_000)}]')
                await other.receive()
        stalled.send('42["kick",1]')

        await probe.journal.until_count("disconnect", 2)
        await probe.until_empty()


async def test_half_open_upgrade_leaves_nothing_when_the_client_resets(
    probe: ProbeServer, log: io.StringIO
) -> None:
    """The client resets the connection after its request, before the server answers."""
    before = await probe.idle_tasks()
    for _ in range(20):
        async with probe.client() as client:
            client.abort()

    await probe.until_empty()
    await eventually(lambda: asyncio.all_tasks() <= before, asyncio.all_tasks)
    assert "Traceback" not in log.getvalue()


@pytest.mark.parametrize(
    "probe",
    [EngineOptions(ping_interval_seconds=0.1, ping_timeout_seconds=0.2)],
    indirect=True,
)
async def test_flood_of_websocket_pings_ends_in_time_when_no_answer_is_read(
    probe: ProbeServer, log: io.StringIO
) -> None:
    """The unread answers fill the buffer, the client times out, and no task is left."""
    idle = await probe.idle_tasks()
    async with probe.client(receive_buffer=4096) as flooder, probe.admitted() as (other, _):
        flooder.connect()
        sid = (await probe.journal.until_count("connection", 3))[-1][1]
        flooder.send_bytes(frame(b"x" * 125, opcode=PING) * 100_000)

        while len(probe.journal.of("disconnect")) == 1:
            assert "2" == await other.receive()
            other.send("3")

        assert sid == probe.journal.of("disconnect")[-1][1]
    await probe.until_empty()
    await eventually(lambda: asyncio.all_tasks() <= idle, asyncio.all_tasks)
    assert "Traceback" not in log.getvalue()
