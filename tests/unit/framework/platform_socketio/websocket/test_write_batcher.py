import asyncio
from collections.abc import Sequence
from contextvars import ContextVar
from dataclasses import dataclass

import pytest
import pytest_asyncio
from hypothesis import given
from hypothesis import strategies as st

from app.framework.platform_socketio.websocket.write_batcher import (
    RecipientGroup,
    WriteBatcher,
    add_group,
    remove_group,
)
from tests.unit.framework.platform_socketio.recipient import Recorder

WHO: ContextVar[str] = ContextVar("WHO", default="nobody")

RECIPIENTS, ROOMS = range(3), range(3)


class Rooms:
    """Calls the batcher like `NamespaceRooms`, with numbered recipients and rooms."""

    def __init__(self) -> None:
        self.batcher = WriteBatcher()
        self.recipients = [Recorder() for _ in RECIPIENTS]
        self.recipients[0].groups = {}  # A recipient in many groups has a dict.
        self.rooms = [RecipientGroup[Recorder](str(room)) for room in ROOMS]

    def join(self, recipient: int, room: int) -> None:
        group = self.rooms[room]
        if str(recipient) not in group.members:
            self.batcher.flush_group(group)
            group.members[str(recipient)] = self.recipients[recipient]
            add_group(self.recipients[recipient], group)

    def leave(self, recipient: int, room: int) -> None:
        group = self.rooms[room]
        if str(recipient) in group.members:
            self.batcher.flush_group(group)
            remove_group(group.members.pop(str(recipient)), group)

    def send(self, recipient: int, frame: bytes) -> None:
        self.batcher.queue_frame(self.recipients[recipient], frame)

    def broadcast(self, room: int, frame: bytes, excluded: Sequence[int] = ()) -> None:
        self.batcher.queue_group_frame(
            self.rooms[room], frame, {self.recipients[each] for each in excluded}
        )

    def writes(self) -> list[int]:
        return [len(each.written) for each in self.recipients]


@pytest_asyncio.fixture
async def rooms() -> Rooms:
    return Rooms()


async def tick() -> None:
    """Let the event loop write the queued frames."""
    await asyncio.sleep(0)


@pytest.mark.parametrize("has_own", [True, False])
async def test_others_are_written_to_when_writing_to_one_fails(
    rooms: Rooms, *, has_own: bool
) -> None:
    """The failing recipient is notified of each failure, and all others get every frame."""

    def fail(_: bytes) -> None:
        raise OSError

    for recipient in (0, 1, 2):
        rooms.join(recipient, 0)
    rooms.recipients[0].write = fail

    if has_own:
        rooms.send(0, b"own")
    rooms.broadcast(0, b"a")
    await tick()
    rooms.broadcast(0, b"b")
    await tick()

    assert [b"", b"ab", b"ab"] == [each.received for each in rooms.recipients[:3]]
    assert 2 == len(rooms.recipients[0].failures)


async def test_frames_are_one_write_when_sent_in_one_tick(rooms: Rooms) -> None:
    """A recipient's own frames and its room's frames are one write, in the order of sending."""
    rooms.join(0, 0)
    rooms.join(1, 0)

    rooms.broadcast(0, b"a")
    rooms.send(0, b"b")
    rooms.broadcast(0, b"c")
    before = rooms.writes()
    await tick()

    assert [0, 0, 0] == before
    assert [[b"abc"], [b"ac"], []] == [each.written for each in rooms.recipients]


async def test_nothing_is_written_again_when_the_next_tick_ends(rooms: Rooms) -> None:
    """Each tick writes only the frames that were sent during this tick."""
    rooms.join(0, 0)
    rooms.broadcast(0, b"a")
    await tick()
    await tick()

    rooms.broadcast(0, b"b")
    await tick()

    assert [b"a", b"b"] == rooms.recipients[0].written


async def test_members_get_the_same_bytes_when_a_room_has_one_frame(rooms: Rooms) -> None:
    """Every member gets the same object instead of a copy of the frame."""
    frame = bytes(100)
    for recipient in RECIPIENTS:
        rooms.join(recipient, 0)

    rooms.broadcast(0, frame)
    await tick()

    assert all(each.written[0] is frame for each in rooms.recipients)


async def test_frames_keep_their_order_when_somebody_is_in_several_rooms(rooms: Rooms) -> None:
    """Each recipient gets all of its frames of a tick in one write."""
    for room in ROOMS:
        rooms.join(0, room)
    rooms.join(1, 1)

    for room, frame in ((2, b"a"), (0, b"b"), (1, b"c"), (2, b"d"), (0, b"e")):
        rooms.broadcast(room, frame)
    await tick()

    assert [[b"abcde"], [b"c"], []] == [each.written for each in rooms.recipients]


async def test_frame_passes_by_when_a_member_is_excluded(rooms: Rooms) -> None:
    """The excluded member still gets the room's other frames."""
    rooms.join(0, 0)
    rooms.join(1, 0)

    rooms.broadcast(0, b"a", excluded=[0])
    rooms.broadcast(0, b"b")
    await tick()

    assert [[b"b"], [b"ab"], []] == [each.written for each in rooms.recipients]


async def test_earlier_frame_is_not_heard_when_somebody_joins_later(rooms: Rooms) -> None:
    """The frame is sent and the recipient joins in the same tick."""
    rooms.join(0, 0)

    rooms.broadcast(0, b"a")
    rooms.join(1, 0)
    rooms.broadcast(0, b"b")
    await tick()

    assert [b"ab", b"b", b""] == [each.received for each in rooms.recipients]


async def test_earlier_frame_is_heard_when_somebody_leaves_later(rooms: Rooms) -> None:
    """A member that has left a room gets no later frame of the room."""
    rooms.join(0, 0)

    rooms.broadcast(0, b"a")
    rooms.leave(0, 0)
    rooms.broadcast(0, b"b")
    await tick()

    assert b"a" == rooms.recipients[0].received


async def test_write_runs_in_the_servers_context_when_a_handler_sends() -> None:
    """During the write, context variables of the sender are not set."""
    batcher, recipient, seen = WriteBatcher(), Recorder(), list[str]()
    recipient.write = lambda _: seen.append(WHO.get())
    WHO.set("handler")

    batcher.queue_frame(recipient, b"a")
    await tick()

    assert ["nobody"] == seen


@dataclass(frozen=True)
class Send:
    """Sends a frame to one recipient."""

    recipient: int


@dataclass(frozen=True)
class Broadcast:
    """Sends a frame to a room, except to some recipients."""

    room: int
    excluded: tuple[int, ...]


@dataclass(frozen=True)
class Move:
    """Adds a recipient to a room, or removes it."""

    recipient: int
    room: int
    joins: bool


@dataclass(frozen=True)
class Flush:
    """Flushes in the middle of a tick, or lets the tick end."""

    tick_ends: bool


Step = Send | Broadcast | Move | Flush

RECIPIENT, ROOM = st.sampled_from(RECIPIENTS), st.sampled_from(ROOMS)
STEPS = st.lists(
    st.builds(Send, RECIPIENT)
    | st.builds(Broadcast, ROOM, st.lists(RECIPIENT, max_size=2).map(tuple))
    | st.builds(Move, RECIPIENT, ROOM, st.booleans())
    | st.builds(Flush, st.booleans()),
    max_size=40,
)


class Model:
    """A simple batcher that delivers each frame immediately, as a model for the real one."""

    def __init__(self) -> None:
        self.members: list[set[int]] = [set() for _ in ROOMS]
        self.received: list[bytes] = [b"" for _ in RECIPIENTS]

    def apply(self, step: Step, frame: bytes) -> None:
        match step:
            case Send(recipient):
                self.received[recipient] += frame
            case Broadcast(room, excluded):
                for recipient in self.members[room].difference(excluded):
                    self.received[recipient] += frame
            case Move(recipient, room, joins):
                (self.members[room].add if joins else self.members[room].discard)(recipient)
            case Flush():
                pass


async def _apply(rooms: Rooms, step: Step, frame: bytes) -> None:
    match step:
        case Send(recipient):
            rooms.send(recipient, frame)
        case Broadcast(room, excluded):
            rooms.broadcast(room, frame, excluded)
        case Move(recipient, room, joins):
            (rooms.join if joins else rooms.leave)(recipient, room)
        case Flush(tick_ends):
            if tick_ends:
                await tick()
            else:
                rooms.batcher.flush()


@given(STEPS)
def test_everybody_hears_what_the_model_says_when_anything_is_sent(steps: list[Step]) -> None:
    """Recipients get the same frames as from the model, in order. No frame stays queued."""

    async def run() -> tuple[list[bytes], list[bytes]]:
        rooms, model = Rooms(), Model()
        for number, step in enumerate(steps):
            frame = b"%d;" % number
            await _apply(rooms, step, frame)
            model.apply(step, frame)
        await tick()
        assert not rooms.batcher._single_frames
        assert not any(room.queued for room in rooms.rooms)
        return model.received, [each.received for each in rooms.recipients]

    expected, actual = asyncio.run(run())

    assert expected == actual


@given(STEPS)
def test_nobody_is_written_to_twice_when_no_membership_changes_in_a_tick(
    steps: list[Step],
) -> None:
    """Each recipient gets at most one write per tick."""

    async def run() -> None:
        rooms = Rooms()
        for step in steps:
            before = rooms.writes()
            if isinstance(step, Move):
                await tick()
                await _apply(rooms, step, b"")
                before = rooms.writes()
            elif not isinstance(step, Flush):
                await _apply(rooms, step, b"a")
                await _apply(rooms, step, b"b")
                await tick()
            after = rooms.writes()
            assert all(now - then <= 1 for now, then in zip(after, before, strict=True))

    asyncio.run(run())
