"""Tests the end of a connection (app/framework/platform_socketio/engine_io/connection.py)."""

import asyncio

import pytest
from aiohttp import WSCloseCode

from app.framework.platform_socketio.disconnect_reason import DisconnectReason
from app.framework.platform_socketio.engine_io.connection import INBOX_MAX_JOBS
from app.framework.platform_socketio.websocket.write_batcher import (
    Recipient,
    RecipientGroup,
    add_group,
    close_frame,
    text_frame,
)
from tests.unit.framework.platform_socketio import client_frames
from tests.unit.framework.platform_socketio.connected import MAX_MESSAGE_BYTES, Client, Owner, ticks


@pytest.mark.parametrize(
    ("data", "code"),
    [
        (client_frames.text(b"4malformed"), WSCloseCode.PROTOCOL_ERROR),
        (client_frames.text(b"9"), WSCloseCode.PROTOCOL_ERROR),
        (client_frames.text(b""), WSCloseCode.PROTOCOL_ERROR),
        (client_frames.text(b"\xff"), WSCloseCode.INVALID_TEXT),
        (client_frames.masked(b"\x82\x00"), WSCloseCode.PROTOCOL_ERROR),
        (client_frames.masked(b"\x01\x014"), WSCloseCode.PROTOCOL_ERROR),
        (text_frame(b"4" * 9), WSCloseCode.PROTOCOL_ERROR),
        (b"\x81\xfe\x00\x01" + bytes(4) + b"4", WSCloseCode.PROTOCOL_ERROR),
        (client_frames.text(b"4" * (MAX_MESSAGE_BYTES + 1)), WSCloseCode.MESSAGE_TOO_BIG),
    ],
    ids=["packet", "type", "empty", "utf8", "binary", "unfinished", "unmasked", "header", "long"],
)
async def test_client_is_closed_with_a_code_when_it_breaks_the_protocol(
    owner: Owner, client: Client, data: bytes, code: int
) -> None:
    """Whatever the client sends after the violation is ignored."""
    client.connection.data_received(data)
    client.send("41")

    assert [DisconnectReason.PARSE_ERROR] == owner.closed
    assert [close_frame(code)] == client.transport.sent
    assert [] == owner.handled
    client.connection.cancel_handling()


async def test_client_is_closed_when_handling_fails(owner: Owner, client: Client) -> None:
    """A bug in a handler closes the connection of that client."""
    client.send("4fail", "41")

    assert [DisconnectReason.TRANSPORT_ERROR] == owner.closed
    assert [] == owner.handled
    client.connection.cancel_handling()


async def test_what_is_due_leaves_first_when_a_connection_closes(
    owner: Owner, client: Client
) -> None:
    """Queued messages are written before the close frame, and none are written after it."""
    client.connection.send_text(b"4due")
    client.connection.close(DisconnectReason.SERVER_SHUTTING_DOWN)
    client.connection.send_text(b"4too late")
    await ticks()
    client.connection.data_received(client_frames.close(WSCloseCode.OK))
    await client.connection.wait_until_idle()

    assert [text_frame(b"4due"), close_frame(WSCloseCode.GOING_AWAY)] == client.transport.sent
    assert "closed" == client.transport.ended
    assert ([DisconnectReason.SERVER_SHUTTING_DOWN], 1) == (owner.closed, owner.gone)


async def test_end_is_heard_when_a_connection_closes_with_a_full_inbox(
    owner: Owner, client: Client
) -> None:
    """The server reads the client's close frame even though the client's inbox is full."""
    client.send("4wait", *["4x"] * INBOX_MAX_JOBS)
    client.connection.close(DisconnectReason.SERVER_SHUTTING_DOWN)

    client.send("4too late")
    is_read = not client.transport.paused
    client.connection.data_received(client_frames.close(WSCloseCode.OK))
    owner.gate.set()
    await client.connection.wait_until_idle()

    assert is_read
    assert "closed" == client.transport.ended
    assert INBOX_MAX_JOBS + 1 == len(owner.handled)


async def test_nothing_is_written_when_a_connection_aborts(owner: Owner, client: Client) -> None:
    """Queued messages are dropped. Closing the connection afterwards does nothing."""
    client.connection.send_text(b"4due")
    client.connection.abort(DisconnectReason.PING_TIMEOUT)
    client.connection.close(DisconnectReason.SERVER_SHUTTING_DOWN)
    await client.connection.wait_until_idle()

    assert [] == client.transport.sent
    assert "aborted" == client.transport.ended
    assert ([DisconnectReason.PING_TIMEOUT], 1) == (owner.closed, owner.gone)


async def test_slow_client_is_cut_off_when_it_is_over_its_bound(
    owner: Owner, client: Client
) -> None:
    """The slow client is first marked as stalled. The room's other member gets every frame."""
    mate, room = Client(owner, "b"), RecipientGroup[Recipient]("room")
    for each in (client, mate):
        room.members[each.connection.sid] = each.connection
        add_group(each.connection, room)
    frame = text_frame(b"x" * 400)
    client.transport.stalls = True

    stalled: list[bool] = []
    for _ in range(3):
        owner.batcher.queue_group_frame(room, frame)
        await asyncio.sleep(0)
        stalled.append(client.connection in owner.batcher.stalled)
    await ticks()

    assert [True, True, False] == stalled
    assert [DisconnectReason.TRANSPORT_ERROR] == owner.closed
    assert "aborted" == client.transport.ended
    assert [frame] * 3 == mate.transport.sent
    assert "" == mate.transport.ended


async def test_client_is_no_longer_stalled_when_it_reads_again(
    owner: Owner, client: Client
) -> None:
    """The client gets every frame, including the one that was sent during the stall."""
    client.transport.stalls = True
    client.connection.send_text(b"4a")
    await ticks()
    assert client.connection in owner.batcher.stalled

    client.transport.stalls = False
    client.connection.resume_writing()
    client.connection.send_text(b"4b")
    await ticks()

    assert not owner.batcher.stalled
    assert [text_frame(b"4a"), text_frame(b"4b")] == client.transport.sent


async def test_stream_ends_when_it_closes_its_own_connection(owner: Owner, client: Client) -> None:
    """The stream's task is cancelled although the connection has not registered it yet."""
    ended: list[str] = []

    async def stream() -> None:
        client.connection.abort(DisconnectReason.SERVER_NAMESPACE_DISCONNECT)
        try:
            await owner.gate.wait()
        finally:
            ended.append("ended")

    client.connection.run_in_background(stream())
    await client.connection.wait_until_idle()

    assert ["ended"] == ended


async def test_rest_is_handled_when_a_handler_closes_its_own_connection(
    owner: Owner, client: Client
) -> None:
    """Packets before the close are handled, and packets after it are not."""
    client.send("41", "4close", "42")
    client.connection.data_received(client_frames.close(WSCloseCode.OK))
    await client.connection.wait_until_idle()

    assert ["a:1", "a:close"] == owner.handled
    assert [close_frame(WSCloseCode.OK)] == client.transport.sent


async def test_waiting_handler_is_cancelled_when_cut_off(owner: Owner, client: Client) -> None:
    """The packets behind the cancelled handler's packet are still handled."""
    client.send("4wait", "41")

    client.connection.abort(DisconnectReason.TRANSPORT_CLOSE)
    client.connection.cancel_handling()
    await client.connection.wait_until_idle()

    assert ["a:1"] == owner.handled
    assert not client.connection.is_handling
