import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any

import pytest

from app.framework.platform_socketio.disconnect_reason import DisconnectReason
from app.framework.platform_socketio.websocket.heartbeat import Heartbeat, PingedConnection
from app.framework.platform_socketio.websocket.write_batcher import text_frame
from tests.deadlines import ANSWER_SECONDS

PING = text_frame(b"2")


class Client(PingedConnection):
    """A connection that records its pings and its end."""

    def __init__(self, heartbeat: Heartbeat) -> None:
        self.last_received_tick = heartbeat.tick
        self.heartbeat_slot = 0
        self.reading = True
        self.pinged_at: list[int] = []
        self.write: Callable[[bytes], Any] = self.note
        self.ended: list[str] = []
        self.ended_at = 0
        self._heartbeat = heartbeat

    @property
    def is_reading(self) -> bool:
        return self.reading

    def write_failed(self, error: Exception) -> None:
        self.end(f"failed: {error}")

    def note(self, frame: bytes) -> None:
        assert frame == PING
        self.pinged_at.append(self._heartbeat.tick)

    def abort(self, reason: DisconnectReason) -> None:
        self.end(f"aborted: {reason}")

    def close(self, reason: DisconnectReason) -> None:
        self.end(f"closed: {reason}")

    def end(self, how: str) -> None:
        """Record the end and its tick, and remove the connection from the heartbeat."""
        self.ended.append(how)
        self.ended_at = self._heartbeat.tick
        self._heartbeat.stop_pinging(self)

    def answer(self) -> None:
        self.last_received_tick = self._heartbeat.tick


@asynccontextmanager
async def beating(
    interval: float = 5.0, patience: float = 3.0, connect_timeout: float = 10.0
) -> AsyncIterator[Heartbeat]:
    """Create a heartbeat that the test advances in ticks of a tenth of the shortest timeout."""
    heartbeat = Heartbeat(interval, patience, connect_timeout)
    yield heartbeat
    heartbeat.stop()


def turn(heartbeat: Heartbeat, ticks: int, each: Callable[[], object] = lambda: None) -> None:
    """Advance the heartbeat by some ticks, and call a function after each tick."""
    for _ in range(ticks):
        heartbeat.advance()
        each()


def watched(heartbeat: Heartbeat) -> Client:
    """Add a new client to the heartbeat."""
    client = Client(heartbeat)
    heartbeat.start_pinging(client)
    return client


async def test_client_is_pinged_every_interval_when_it_answers() -> None:
    """A client's first interval begins in the tick in which the client was added."""
    async with beating(interval=3.0, patience=3.0) as heartbeat:
        first = watched(heartbeat)
        turn(heartbeat, 4, first.answer)
        second = watched(heartbeat)

        def both_answer() -> None:
            first.answer()
            second.answer()

        turn(heartbeat, 30, both_answer)

    assert [10, 20, 30] == first.pinged_at
    assert [14, 24, 34] == second.pinged_at
    assert [] == first.ended + second.ended


@pytest.mark.parametrize(
    ("interval", "patience", "pinged", "ended_at"),
    [
        (3.0, 3.0, [10, 20], 20),
        (6.0, 3.0, [20], 30),
        (3.0, 9.0, [10, 20, 30, 40], 40),
        (3.0, 4.0, [10, 20], 24),
    ],
)
async def test_client_is_ended_when_a_ping_is_a_timeout_old(
    interval: float, patience: float, pinged: list[int], ended_at: int
) -> None:
    """The timeout begins with the first unanswered ping, and may be longer than the interval."""
    async with beating(interval, patience) as heartbeat:
        client = watched(heartbeat)

        turn(heartbeat, 100)

    assert [f"aborted: {DisconnectReason.PING_TIMEOUT}"] == client.ended
    assert ended_at == client.ended_at
    assert [tick for tick in pinged if tick < ended_at] == client.pinged_at


@pytest.mark.parametrize("answered_at", [10, 15, 19])
async def test_client_is_kept_when_it_answers_in_time(answered_at: int) -> None:
    """The answer may come as early as in the tick of the ping, or in the timeout's last tick."""
    async with beating(interval=3.0, patience=3.0) as heartbeat:
        client = watched(heartbeat)
        turn(heartbeat, answered_at)
        client.answer()

        turn(heartbeat, 20 - answered_at)

    assert [] == client.ended


async def test_client_is_not_blamed_when_nobody_listens_to_it() -> None:
    """A client with a full inbox is not read, so its unanswered pings do not time out."""
    async with beating(interval=3.0, patience=3.0) as heartbeat:
        client = watched(heartbeat)
        client.reading = False
        turn(heartbeat, 50)
        kept = list(client.ended)
        client.reading = True

        turn(heartbeat, 10)

    assert [] == kept
    assert [f"aborted: {DisconnectReason.PING_TIMEOUT}"] == client.ended


async def test_client_is_closed_when_it_asks_for_no_namespace() -> None:
    """The client is closed exactly at its connect timeout, and the other clients are not."""
    async with beating(connect_timeout=3.0) as heartbeat:
        slow, quick, later = watched(heartbeat), watched(heartbeat), watched(heartbeat)
        heartbeat.start_connect_timeout(slow)
        heartbeat.start_connect_timeout(quick)
        turn(heartbeat, 5)
        heartbeat.start_connect_timeout(later)
        heartbeat.stop_connect_timeout(quick)
        heartbeat.stop_connect_timeout(quick)

        turn(heartbeat, 6)

    assert [f"closed: {DisconnectReason.TRANSPORT_CLOSE}"] == slow.ended
    assert 11 == slow.ended_at
    assert [] == quick.ended + later.ended


async def test_nothing_is_held_when_a_client_is_forgotten() -> None:
    """A removed client gets no more pings. Removing it twice is harmless."""
    async with beating() as heartbeat:
        client = watched(heartbeat)
        heartbeat.start_connect_timeout(client)

        heartbeat.stop_pinging(client)
        heartbeat.stop_pinging(client)
        turn(heartbeat, 50)

    assert ([], []) == (client.pinged_at, client.ended)
    assert not any(heartbeat._slots)
    assert not heartbeat._connect_deadlines


async def test_pings_come_by_themselves_when_a_client_is_watched() -> None:
    """The heartbeat's own task sends the pings."""
    pinged = asyncio.Event()

    class _Client(Client):
        def note(self, frame: bytes) -> None:
            """Record the ping, and wake the test."""
            super().note(frame)
            pinged.set()

    async with beating(0.01, 0.01, 0.01) as heartbeat:
        heartbeat.start_pinging(_Client(heartbeat))

        async with asyncio.timeout(ANSWER_SECONDS):
            await pinged.wait()


async def test_others_are_pinged_when_one_cannot_be_written_to() -> None:
    """Both clients are pinged in the same tick, but only the broken connection ends."""

    class _Broken(Client):
        def note(self, frame: bytes) -> None:
            raise OSError(frame)

    heartbeat = Heartbeat(1, 1, 1)
    broken, client = _Broken(heartbeat), Client(heartbeat)
    try:
        heartbeat.start_pinging(broken)
        heartbeat.start_pinging(client)

        while not client.pinged_at:
            heartbeat.advance()
    finally:
        heartbeat.stop()

    assert 1 == len(broken.ended)
    assert [] == client.ended


async def test_no_task_is_left_when_stopped() -> None:
    """The heartbeat's task starts with the first client."""
    before = asyncio.all_tasks()
    heartbeat = Heartbeat(5.0, 5.0, 5.0)
    idle = asyncio.all_tasks()
    watched(heartbeat)

    heartbeat.stop()
    heartbeat.stop()
    await asyncio.sleep(0)
    await asyncio.sleep(0)

    assert before == idle == asyncio.all_tasks()


async def test_late_clients_are_found_once_when_many_fail_to_connect_together() -> None:
    """The search for late clients must not visit deleted entries again and again."""

    class _Expected(dict[PingedConnection, int]):
        begun = 0

        def items(self) -> Any:
            self.begun += 1
            return super().items()

    async with beating(connect_timeout=3.0) as heartbeat:
        heartbeat._connect_deadlines = expected = _Expected()
        clients = [watched(heartbeat) for _ in range(100)]
        for client in clients:
            heartbeat.start_connect_timeout(client)

        turn(heartbeat, 11)

    assert [1] * 100 == [len(client.ended) for client in clients]
    assert expected.begun <= 11


async def test_client_has_answered_when_it_was_heard_since_its_last_ping() -> None:
    """A client counts as silent if the server reads from it and its last ping is unanswered."""
    async with beating() as heartbeat:
        client = watched(heartbeat)
        answered = [heartbeat.has_answered(client)]

        while not client.pinged_at or heartbeat.tick < client.pinged_at[0] + 2:
            answered.append(heartbeat.has_answered(client))
            heartbeat.advance()
        silent = heartbeat.has_answered(client)
        client.reading = False
        unheard = heartbeat.has_answered(client)
        client.reading = True
        heartbeat.advance()
        client.answer()

        assert {True} == set(answered)
        assert (False, True, True) == (silent, unheard, heartbeat.has_answered(client))
