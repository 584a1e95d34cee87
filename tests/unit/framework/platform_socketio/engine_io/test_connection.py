from app.framework.platform_socketio.disconnect_reason import DisconnectReason
from app.framework.platform_socketio.engine_io.connection import (
    INBOX_MAX_JOBS,
    MAX_BACKGROUND_TASKS,
)
from app.framework.platform_socketio.websocket.write_batcher import pong_frame
from tests.unit.framework.platform_socketio import client_frames
from tests.unit.framework.platform_socketio.connected import Client, Owner, ticks


async def test_event_is_handled_in_place_when_it_does_not_wait(
    owner: Owner, client: Client
) -> None:
    """When `data_received` returns, the events are already handled."""
    client.send("41", "42", "43")

    assert ["a:1", "a:2", "a:3"] == owner.handled
    assert not client.connection.is_handling


async def test_event_is_handled_once_when_its_frame_is_split(owner: Owner) -> None:
    """A frame may be split at any byte."""
    data = client_frames.text(b"4" + b"x" * 130) + client_frames.text(b"4y")

    for at in range(len(data) + 1):
        client = Client(owner, "a")
        client.connection.data_received(data[:at])
        client.connection.data_received(data[at:])

    assert ["a:" + "x" * 130, "a:y"] * (len(data) + 1) == owner.handled


async def test_later_events_wait_when_a_handler_does(owner: Owner, client: Client) -> None:
    """Later events of the same client wait in order, but other clients' events do not wait."""
    other = Client(owner, "b")

    client.send("4wait", "41")
    client.send("42")
    other.send("41")
    meanwhile = list(owner.handled)
    owner.gate.set()
    await client.connection.wait_until_idle()

    assert ["b:1"] == meanwhile
    assert ["b:1", "a:wait", "a:1", "a:2"] == owner.handled


async def test_job_is_done_behind_what_was_sent_before_when_enqueued(
    owner: Owner, client: Client
) -> None:
    """The job runs after the packets that came before it, and before later packets."""

    async def job() -> None:
        owner.handled.append("job")

    client.send("4wait", "41")
    client.connection.enqueue_job(job)
    client.send("42")
    owner.gate.set()
    await client.connection.wait_until_idle()
    client.connection.enqueue_job(job)

    assert ["a:wait", "a:1", "job", "a:2", "job"] == owner.handled


async def test_client_is_not_read_when_its_inbox_is_full(owner: Owner, client: Client) -> None:
    """Reading continues when the inbox has room again."""
    client.send("4wait", *["4x"] * (INBOX_MAX_JOBS - 1))
    before = client.transport.paused
    client.send("4x")
    full = client.transport.paused
    owner.gate.set()
    await client.connection.wait_until_idle()

    assert (False, True, False) == (before, full, client.transport.paused)
    assert INBOX_MAX_JOBS + 1 == len(owner.handled)


async def test_much_data_is_parsed_slice_by_slice_when_a_handler_waits(
    owner: Owner, client: Client
) -> None:
    """Data that exceeds the inbox's limit waits unparsed, and is not lost."""
    texts = [f"4{number:030}" for number in range(10_000)]

    client.send("4wait", *texts)
    waiting = len(client.connection._inbox)
    owner.gate.set()
    await client.connection.wait_until_idle()

    assert waiting < len(texts) / 2
    assert ["a:wait", *(f"a:{text[1:]}" for text in texts)] == owner.handled
    assert not client.transport.paused


async def test_pong_and_close_are_heard_when_a_handler_waits(owner: Owner, client: Client) -> None:
    """Pongs and closes are handled at once, because they bypass the inbox."""
    client.send("4wait")
    owner.heartbeat.advance()

    client.send("3")
    last_received_tick = client.connection.last_received_tick
    client.send("1")

    assert owner.heartbeat.tick == last_received_tick
    assert [DisconnectReason.TRANSPORT_CLOSE] == owner.closed


async def test_ping_is_answered_when_a_client_sends_one(client: Client) -> None:
    """The pong has the same payload as the ping."""
    client.connection.data_received(client_frames.masked(b"\x89\x02hi"))
    await ticks()

    assert [pong_frame(b"hi")] == client.transport.sent


async def test_streams_run_beside_the_events_when_there_is_room(
    owner: Owner, client: Client
) -> None:
    """A connection has a limited number of background tasks, which end with the connection."""

    async def stream() -> None:
        await owner.gate.wait()

    refused = stream()
    begun = [client.connection.run_in_background(stream()) for _ in range(MAX_BACKGROUND_TASKS)]
    begun.append(client.connection.run_in_background(refused))
    refused.close()
    client.send("41")
    client.connection.abort(DisconnectReason.TRANSPORT_CLOSE)
    await client.connection.wait_until_idle()

    assert [True] * MAX_BACKGROUND_TASKS + [False] == begun
    assert ["a:1"] == owner.handled
    assert not client.connection._background_tasks


async def test_awaited_ack_is_handled_at_once_when_a_handler_is_waiting(
    owner: Owner, client: Client
) -> None:
    """In the inbox, the ack would wait behind the handler that awaits this ack."""
    client.send("4wait", "4later", "43awaited", "43other")
    before = list(owner.handled)
    owner.gate.set()
    await ticks()

    assert ["a:awaited"] == before
    assert ["a:awaited", "a:wait", "a:later", "a:3other"] == owner.handled
