import asyncio
from collections.abc import AsyncIterator

import pytest
import pytest_asyncio
from aiohttp import WSCloseCode

from app.framework.eager import EagerTasks
from app.framework.transport import frames
from app.framework.transport.connection import (
    ASIDE_MAX_TASKS,
    INBOX_MAX_JOBS,
    Connection,
    Work,
)
from app.framework.transport.heartbeat import Heartbeat
from app.framework.transport.outbox import Audience, Outbox
from app.framework.transport.packets import MalformedPacketError
from app.framework.transport.reasons import DisconnectReason
from app.framework.transport.upgrade import UpgradeRequest
from tests.unit.framework.transport.fake_transport import FakeTransport

MAX_MESSAGE_BYTES = 200_000
MAX_QUEUE_BYTES = 1_000


class Owner:
    """Handles ``4<text>`` by noting the text; ``4wait`` waits for the gate first."""

    def __init__(self) -> None:
        self.tasks = EagerTasks()
        self.outbox = Outbox()
        self.heartbeat = Heartbeat(25.0, 20.0, 10.0)
        self.gate = asyncio.Event()
        self.handled: list[str] = []
        self.closed: list[DisconnectReason] = []
        self.gone = 0

    def handle(self, connection: Connection, frame: str) -> Work | None:
        """See the class."""
        text = frame[1:]
        if text == "malformed":
            raise MalformedPacketError
        if text == "close":
            connection.close(DisconnectReason.SERVER_NAMESPACE_DISCONNECT)
        return self._work(f"{connection.sid}:{text}", waits=text == "wait", fails=text == "fail")

    def connection_closed(self, connection: Connection, reason: DisconnectReason) -> None:
        """Note why."""
        del connection
        self.closed.append(reason)

    def connection_gone(self, connection: Connection) -> None:
        """Note that."""
        del connection
        self.gone += 1

    async def _work(self, text: str, *, waits: bool, fails: bool) -> None:
        if waits:
            await self.gate.wait()
        if fails:
            raise ArithmeticError
        self.handled.append(text)


class Client:
    """One client of the owner's."""

    def __init__(self, owner: Owner, sid: str) -> None:
        self.transport = FakeTransport()
        self.connection = Connection(
            sid,
            self.transport,
            UpgradeRequest({}, {}, ""),
            owner,
            MAX_MESSAGE_BYTES,
            MAX_QUEUE_BYTES,
        )
        self.transport.give(self.connection)

    def send(self, *texts: str) -> None:
        """Text frames in one segment; the parser asks for no mask."""
        self.connection.data_received(b"".join([frames.text(text.encode()) for text in texts]))


@pytest_asyncio.fixture
async def owner() -> AsyncIterator[Owner]:
    """Whose gate is shut."""
    owner = Owner()
    yield owner
    owner.tasks.close()


@pytest.fixture
def client(owner: Owner) -> Client:
    """Named a."""
    return Client(owner, "a")


async def ticks() -> None:
    """Until what is due has been done."""
    for _ in range(5):
        await asyncio.sleep(0)


async def test_event_is_handled_in_place_when_it_does_not_wait(
    owner: Owner, client: Client
) -> None:
    """When `data_received` returns, it is done."""
    client.send("41", "42", "43")

    assert ["a:1", "a:2", "a:3"] == owner.handled
    assert not client.connection.is_busy


async def test_event_is_handled_once_when_its_frame_is_split(owner: Owner) -> None:
    """At any byte."""
    data = frames.text(b"4" + b"x" * 130) + frames.text(b"4y")

    for at in range(len(data) + 1):
        client = Client(owner, "a")
        client.connection.data_received(data[:at])
        client.connection.data_received(data[at:])

    assert ["a:" + "x" * 130, "a:y"] * (len(data) + 1) == owner.handled


async def test_later_events_wait_when_a_handler_does(owner: Owner, client: Client) -> None:
    """This client's, in their order, and nobody else's."""
    other = Client(owner, "b")

    client.send("4wait", "41")
    client.send("42")
    other.send("41")
    meanwhile = list(owner.handled)
    owner.gate.set()
    await client.connection.idle()

    assert ["b:1"] == meanwhile
    assert ["b:1", "a:wait", "a:1", "a:2"] == owner.handled


async def test_job_is_done_behind_what_was_sent_before_when_enqueued(
    owner: Owner, client: Client
) -> None:
    """And what is sent later comes behind the job."""

    async def job() -> None:
        owner.handled.append("job")

    client.send("4wait", "41")
    client.connection.enqueue(job)
    client.send("42")
    owner.gate.set()
    await client.connection.idle()
    client.connection.enqueue(job)

    assert ["a:wait", "a:1", "job", "a:2", "job"] == owner.handled


async def test_client_is_not_read_when_its_inbox_is_full(owner: Owner, client: Client) -> None:
    """Until there is room."""
    client.send("4wait", *["4x"] * (INBOX_MAX_JOBS - 1))
    before = client.transport.paused
    client.send("4x")
    full = client.transport.paused
    owner.gate.set()
    await client.connection.idle()

    assert (False, True, False) == (before, full, client.transport.paused)
    assert INBOX_MAX_JOBS + 1 == len(owner.handled)


async def test_much_data_is_parsed_slice_by_slice_when_a_handler_waits(
    owner: Owner, client: Client
) -> None:
    """What is beyond the inbox waits as bytes, and nothing is lost."""
    texts = [f"4{number:030}" for number in range(10_000)]

    client.send("4wait", *texts)
    waiting = len(client.connection._inbox)
    owner.gate.set()
    await client.connection.idle()

    assert waiting < len(texts) / 2
    assert ["a:wait", *(f"a:{text[1:]}" for text in texts)] == owner.handled
    assert not client.transport.paused


async def test_pong_and_close_are_heard_when_a_handler_waits(owner: Owner, client: Client) -> None:
    """They do not go through the inbox."""
    client.send("4wait")
    owner.heartbeat.turn()

    client.send("3")
    heard_at = client.connection.heard_at
    client.send("1")

    assert owner.heartbeat.tick == heard_at
    assert [DisconnectReason.TRANSPORT_CLOSE] == owner.closed


@pytest.mark.parametrize(
    ("data", "code"),
    [
        (frames.text(b"4malformed"), WSCloseCode.PROTOCOL_ERROR),
        (frames.text(b"9"), WSCloseCode.PROTOCOL_ERROR),
        (frames.text(b""), WSCloseCode.PROTOCOL_ERROR),
        (frames.text(b"\xff"), WSCloseCode.INVALID_TEXT),
        (b"\x82\x00", WSCloseCode.PROTOCOL_ERROR),
        (frames.text(b"4" * (MAX_MESSAGE_BYTES + 1)), WSCloseCode.MESSAGE_TOO_BIG),
    ],
    ids=["packet", "type", "empty", "utf8", "binary", "long"],
)
async def test_client_is_closed_with_a_code_when_it_breaks_the_protocol(
    owner: Owner, client: Client, data: bytes, code: int
) -> None:
    """And nothing more of it is handled."""
    client.connection.data_received(data)
    client.send("41")

    assert [DisconnectReason.PARSE_ERROR] == owner.closed
    assert [frames.close(code)] == client.transport.sent
    assert [] == owner.handled
    client.connection.cut_off()


async def test_client_is_closed_when_handling_fails(owner: Owner, client: Client) -> None:
    """A bug ends this connection, and what it sent before is still handled."""
    client.send("4fail", "41")

    assert [DisconnectReason.TRANSPORT_ERROR] == owner.closed
    assert [] == owner.handled
    client.connection.cut_off()


async def test_what_is_due_leaves_first_when_a_connection_closes(
    owner: Owner, client: Client
) -> None:
    """Then the close frame, then the client's own ends the connection."""
    client.connection.push(b"4due")
    client.connection.close(DisconnectReason.SERVER_SHUTTING_DOWN)
    client.connection.push(b"4too late")
    await ticks()
    client.connection.data_received(frames.close(WSCloseCode.OK))
    await client.connection.idle()

    assert [frames.text(b"4due"), frames.close(WSCloseCode.GOING_AWAY)] == client.transport.sent
    assert "closed" == client.transport.ended
    assert ([DisconnectReason.SERVER_SHUTTING_DOWN], 1) == (owner.closed, owner.gone)


async def test_end_is_heard_when_a_connection_closes_with_a_full_inbox(
    owner: Owner, client: Client
) -> None:
    """Nothing more is put in, so there is no reason not to read."""
    client.send("4wait", *["4x"] * INBOX_MAX_JOBS)
    client.connection.close(DisconnectReason.SERVER_SHUTTING_DOWN)

    client.send("4too late")
    is_read = not client.transport.paused
    client.connection.data_received(frames.close(WSCloseCode.OK))
    owner.gate.set()
    await client.connection.idle()

    assert is_read
    assert "closed" == client.transport.ended
    assert INBOX_MAX_JOBS + 1 == len(owner.handled)


async def test_nothing_is_written_when_a_connection_aborts(owner: Owner, client: Client) -> None:
    """Not even what was due; a second end changes nothing."""
    client.connection.push(b"4due")
    client.connection.abort(DisconnectReason.PING_TIMEOUT)
    client.connection.close(DisconnectReason.SERVER_SHUTTING_DOWN)
    await client.connection.idle()

    assert [] == client.transport.sent
    assert "aborted" == client.transport.ended
    assert ([DisconnectReason.PING_TIMEOUT], 1) == (owner.closed, owner.gone)


async def test_ping_is_answered_when_a_client_sends_one(client: Client) -> None:
    """With what it held."""
    client.connection.data_received(b"\x89\x02hi")
    await ticks()

    assert [frames.pong(b"hi")] == client.transport.sent


async def test_slow_client_is_cut_off_when_it_is_over_its_bound(
    owner: Owner, client: Client
) -> None:
    """Its room hears everything; the client first misses what is volatile, see `RoomManager`."""
    mate, room = Client(owner, "b"), Audience[Connection]("room")
    for each in (client, mate):
        room.members[each.connection.sid] = each.connection
        each.connection.audiences.append(room)
    frame = frames.text(b"x" * 400)
    client.transport.stalls = True

    stalled: list[bool] = []
    for _ in range(3):
        owner.outbox.broadcast(room, frame)
        await asyncio.sleep(0)
        stalled.append(client.connection in owner.outbox.stalled)
    await ticks()

    assert [True, True, False] == stalled
    assert [DisconnectReason.TRANSPORT_ERROR] == owner.closed
    assert "aborted" == client.transport.ended
    assert [frame] * 3 == mate.transport.sent
    assert "" == mate.transport.ended


async def test_client_is_no_longer_stalled_when_it_reads_again(
    owner: Owner, client: Client
) -> None:
    """It gets everything again."""
    client.transport.stalls = True
    client.connection.push(b"4a")
    await ticks()
    assert client.connection in owner.outbox.stalled

    client.transport.stalls = False
    client.connection.resume_writing()
    client.connection.push(b"4b")
    await ticks()

    assert not owner.outbox.stalled
    assert [frames.text(b"4a"), frames.text(b"4b")] == client.transport.sent


async def test_streams_run_beside_the_events_when_there_is_room(
    owner: Owner, client: Client
) -> None:
    """Up to a bound; they end with the connection."""

    async def stream() -> None:
        await owner.gate.wait()

    refused = stream()
    begun = [client.connection.run_aside(stream()) for _ in range(ASIDE_MAX_TASKS)]
    begun.append(client.connection.run_aside(refused))
    refused.close()
    client.send("41")
    client.connection.abort(DisconnectReason.TRANSPORT_CLOSE)
    await client.connection.idle()

    assert [True] * ASIDE_MAX_TASKS + [False] == begun
    assert ["a:1"] == owner.handled
    assert not client.connection._aside


async def test_stream_ends_when_it_closes_its_own_connection(owner: Owner, client: Client) -> None:
    """Though nobody knew of it yet."""
    ended: list[str] = []

    async def stream() -> None:
        client.connection.abort(DisconnectReason.SERVER_NAMESPACE_DISCONNECT)
        try:
            await owner.gate.wait()
        finally:
            ended.append("ended")

    client.connection.run_aside(stream())
    await client.connection.idle()

    assert ["ended"] == ended


async def test_rest_is_handled_when_a_handler_closes_its_own_connection(
    owner: Owner, client: Client
) -> None:
    """What came before it and itself; nothing behind it."""
    client.send("41", "4close", "42")
    client.connection.data_received(frames.close(WSCloseCode.OK))
    await client.connection.idle()

    assert ["a:1", "a:close"] == owner.handled
    assert [frames.close(WSCloseCode.OK)] == client.transport.sent


async def test_waiting_handler_is_cancelled_when_cut_off(owner: Owner, client: Client) -> None:
    """What waits behind it goes on: the owner decides what of it counts."""
    client.send("4wait", "41")

    client.connection.abort(DisconnectReason.TRANSPORT_CLOSE)
    client.connection.cut_off()
    await client.connection.idle()

    assert ["a:1"] == owner.handled
    assert not client.connection.is_busy
