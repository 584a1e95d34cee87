"""Tests clients that send too much (app/framework/platform_socketio/engine_io/connection.py)."""

import asyncio

import pytest

from app.framework.platform_socketio.disconnect_reason import DisconnectReason
from app.framework.platform_socketio.engine_io.connection import INBOX_MAX_JOBS
from app.framework.platform_socketio.websocket.write_batcher import close_frame
from tests.unit.framework.platform_socketio.client_frames import masked, text
from tests.unit.framework.platform_socketio.connected import Client, Owner, ticks

ALLOWED = 50
LONG_SECONDS = 3_600.0

PACKETS = {
    "Engine.IO pong": text(b"3"),
    "event": text(b"4x"),
    "WebSocket ping": masked(b"\x89\x00"),
    "WebSocket pong": masked(b"\x8a\x00"),
}
EMPTY_FRAGMENT = masked(b"\x00\x00")


@pytest.fixture
def owner(owner: Owner) -> Owner:
    """Create an owner that allows few packets per second."""
    owner.max_packets_per_second = ALLOWED
    return owner


def next_second(owner: Owner) -> None:
    for _ in range(owner.heartbeat.ticks_per_second):
        owner.heartbeat.advance()


@pytest.mark.parametrize("packet", PACKETS.values(), ids=PACKETS)
async def test_connection_is_closed_with_a_code_when_too_many_packets_come(
    owner: Owner, client: Client, packet: bytes
) -> None:
    """Packets of every kind count. The close code 1008 means a policy violation."""
    client.connection.data_received(packet * ALLOWED)
    before = list(owner.closed)
    client.connection.data_received(packet)
    await ticks()

    assert [] == before
    assert [DisconnectReason.TRANSPORT_ERROR] == owner.closed
    assert close_frame(1008) == client.transport.sent[-1]
    assert 1 == owner.floods
    client.connection.cancel_handling()


@pytest.mark.parametrize("packet", PACKETS.values(), ids=PACKETS)
async def test_connection_stays_when_as_many_packets_come_in_each_second(
    owner: Owner, client: Client, packet: bytes
) -> None:
    """A connection that stays below the limit of each second is never closed."""
    for _ in range(10):
        client.connection.data_received(packet * ALLOWED)
        next_second(owner)

    assert [] == owner.closed


async def test_connection_is_closed_when_a_message_of_empty_fragments_does_not_end(
    owner: Owner, client: Client
) -> None:
    """Fragments count towards the limit, even though they complete no packet."""
    client.connection.data_received(masked(b"\x01\x00"))
    client.connection.data_received(EMPTY_FRAGMENT * ALLOWED)

    assert 1 == owner.floods
    client.connection.cancel_handling()


async def test_nothing_more_is_read_when_a_client_was_turned_away(
    owner: Owner, client: Client
) -> None:
    """The flood may continue, so the server stops reading once it has sent the close frame."""
    client.connection.data_received(PACKETS["event"] * (ALLOWED + 1))
    handled = len(owner.handled)
    await ticks()

    client.send("4late")
    await ticks()

    assert client.transport.paused
    assert handled == len(owner.handled)
    client.connection.cancel_handling()


async def test_waiting_events_are_dropped_when_a_client_was_turned_away(
    owner: Owner, client: Client
) -> None:
    """Jobs of the server for this client still run."""

    async def job() -> None:
        owner.handled.append("job")

    client.send("4wait")
    client.connection.enqueue_job(job)
    client.send(*["4x"] * ALLOWED)
    owner.gate.set()
    client.connection.cancel_handling()
    await client.connection.wait_until_idle()

    assert ["job"] == owner.handled


async def test_events_wait_unread_when_a_client_is_held(owner: Owner) -> None:
    """All events are handled in order when the pause is over."""
    owner.max_packets_per_second = 2 * INBOX_MAX_JOBS
    client = Client(owner, "a")

    client.send(f"4pause {LONG_SECONDS}", *["4x"] * INBOX_MAX_JOBS)
    held = client.transport.paused, list(owner.handled)
    assert client.connection._pause is not None
    client.connection._pause.set_result(None)
    await client.connection.wait_until_idle()

    assert (True, []) == held
    assert not client.transport.paused
    assert INBOX_MAX_JOBS + 1 == len(owner.handled)


async def test_held_client_goes_on_when_its_time_has_come(owner: Owner, client: Client) -> None:
    client.send("4pause 0.01", "4x")

    async with asyncio.timeout(30):
        await client.connection.wait_until_idle()

    assert ["a:pause 0.01", "a:x"] == owner.handled


async def test_pongs_are_heard_when_a_client_is_held(owner: Owner, client: Client) -> None:
    """A client that the server pauses does not run into a ping timeout."""
    client.send(f"4pause {LONG_SECONDS}", "4x")
    owner.heartbeat.advance()

    client.send("3")

    assert owner.heartbeat.tick == client.connection.last_received_tick
    client.connection.cancel_handling()


async def test_waiting_events_are_dropped_when_a_held_client_goes(
    owner: Owner, client: Client
) -> None:
    """The disconnect hooks run at once, and the client's waiting events are not handled."""
    client.send(f"4pause {LONG_SECONDS}", *["4x"] * 20, "1")
    async with asyncio.timeout(30):
        client.connection.connection_lost(None)
        await client.connection.wait_until_idle()

    assert ["a:pause 3600.0"] == owner.handled
    assert not client.connection.is_handling
