import asyncio
import gc
import io
from collections import Counter

import pytest
from aiohttp import web

from app.framework import EngineOptions, Socket
from app.framework.platform_socketio.engine_io.connection import Connection
from app.framework.platform_socketio.socket_io.socket_link import ServerSocketLink
from tests.deadlines import PROCESS_SECONDS
from tests.e2e.hostile.probe_server import ProbeServer, eventually
from tests.e2e.hostile.raw_client import BINARY, CLOSE, frame, tcp_client

CLIENTS = 300
AT_ONCE = 30

_HELD_PER_CLIENT = (Connection, ServerSocketLink, Socket, web.Request, web.WebSocketResponse)


SCRIPTS: list[tuple[list[str], str]] = [
    ([], "half a request"),
    ([], "reset"),
    ([], "binary"),
    (["40"], "reset"),
    (["40", "x"], "reset"),
    (['40{"guard":"refuse"}'], "wait"),
    (['40{"guard":"refuse"}', '42["echo",1]'], "reset"),
    (['40{"hook":"disconnect"}'], "wait"),
    (["40/nowhere,", "1"], "close"),
    (["40", "41", "40", "41", "40"], "reset"),
    (["40", "41", "1"], "wait"),
    (["40", '421["publish","all"]', '422["echo",1]', "41"], "close"),
    (["40", '421["publish","all"]', '42["kick",1]'], "wait"),
    (["40", '421["publish","all"]'], "reset"),
    (["40", '421["publish","all"]', "451-[]"], "wait"),
]
"""Frames that a client sends in one segment, and the way in which it disconnects."""


async def _behave(probe: ProbeServer, script: list[str], ending: str) -> None:
    if ending == "half a request":
        async with tcp_client(probe.url) as client:
            client.send_bytes(b"GET /socket.io/?EIO=4&transport=websocket HTTP/1.1\r\nHo")
        return
    async with probe.client() as client:
        client.send(*script)
        match ending:
            case "reset":
                client.abort()
            case "binary":
                client.send_bytes(frame(b"x", opcode=BINARY))
            case "close":
                client.send_bytes(frame(b"\x03\xe8", opcode=CLOSE))
            case "wait":
                await client.everything()


async def _churn(probe: ProbeServer) -> None:
    async with asyncio.timeout(PROCESS_SECONDS):
        for _ in range(CLIENTS // AT_ONCE):
            await asyncio.gather(
                *(_behave(probe, *SCRIPTS[number % len(SCRIPTS)]) for number in range(AT_ONCE))
            )


def _alive() -> Counter[str]:
    """Count the objects in this process that belong to clients, after a garbage collection."""
    gc.collect()
    return Counter(
        type(each).__name__ for each in gc.get_objects() if isinstance(each, _HELD_PER_CLIENT)
    )


async def test_nothing_is_left_when_many_clients_have_come_and_gone(
    probe: ProbeServer, log: io.StringIO
) -> None:
    """All objects, rooms, timers and tasks are gone, and each disconnect hook has run once."""
    idle = await probe.idle_tasks()
    before = _alive()

    await _churn(probe)

    await probe.until_empty()
    await eventually(lambda: asyncio.all_tasks() <= idle, asyncio.all_tasks)
    gone = [sid for _, sid, _ in probe.journal.of("disconnect")]
    assert len(set(gone)) == len(gone)
    assert {sid for _, sid, _ in probe.journal.of("connection")} <= set(gone)
    assert not probe.sockets.manager.rooms_in("/").groups
    await eventually(lambda: _alive() <= before, _alive)
    assert "Traceback" not in log.getvalue()


async def test_rooms_are_all_left_when_a_socket_was_in_very_many(probe: ProbeServer) -> None:
    """After both sockets have disconnected, no room remains, although one was in 20,000 rooms."""
    async with probe.admitted() as (_, sid), probe.admitted() as (client, leaving):
        manager = probe.sockets.manager
        for number in range(20_000):
            manager.basic_enter_room(sid, "/", f"room:{number}")
        manager.basic_enter_room(leaving, "/", "room:0")
        client.send("41")
        await probe.journal.until_count("disconnect")
        manager.basic_disconnect(sid, "/")

        assert not manager.rooms_in("/").groups


@pytest.mark.parametrize(
    "probe",
    [EngineOptions(ping_interval_seconds=0.05, max_packets_per_second=10_000)],
    indirect=True,
)
async def test_heartbeat_of_many_sockets_is_one_task(probe: ProbeServer) -> None:
    """Neither pings nor unexpected pongs start a task (CVE-2026-48802)."""
    idle = await probe.idle_tasks()
    async with probe.admitted() as (client, _), probe.admitted(), probe.admitted():
        client.send(*["3"] * 5000)
        assert "2" == await client.receive()

        names = Counter(
            getattr(task.get_coro(), "__qualname__", "") for task in asyncio.all_tasks() - idle
        )

        assert 0 == sum(count for name, count in names.items() if "Heartbeat" in name)
        assert 2 >= sum(names.values())
