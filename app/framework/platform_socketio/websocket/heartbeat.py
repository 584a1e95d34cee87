"""Pings for all connections from one timer wheel, and an end for those that do not answer."""

import asyncio
from contextvars import copy_context
from itertools import takewhile
from math import ceil
from typing import Protocol

import structlog

from app.framework.platform_socketio.disconnect_reason import DisconnectReason
from app.framework.platform_socketio.websocket import frames
from app.framework.platform_socketio.websocket.write_batcher import Writable, write_now

_log = structlog.stdlib.get_logger("Heartbeat")

_PING = frames.text(b"2")
_TICKS_PER_WAIT = 10
_MAX_TICK_SECONDS = 0.5
_ANSWER_TICKS = 2


class Pinged(Writable, Protocol):
    """What the heartbeat needs of a connection."""

    heard_at: int
    """The tick in which the client was last heard."""

    heartbeat_slot: int
    """Where it is on the wheel."""

    @property
    def is_reading(self) -> bool:
        """Whether the client can be heard."""

    def abort(self, reason: DisconnectReason) -> None:
        """End the connection."""

    def close(self, reason: DisconnectReason) -> None:
        """End the connection politely."""


class Heartbeat:
    """Pings each connection every ``interval``; silence for ``timeout`` after one ends it.

    Who does not ask for a namespace within the connect timeout is closed, too.

    The wheel has a slot for each tick of an interval, and a connection stays in the slot in which
    it came: the slot of a tick is pinged in it, and judged when its last ping is a timeout old.
    Time is counted in ticks, so a process that was stopped for a while blames nobody for it.

    Attributes:
        tick: The number of the present tick.
        ticks_per_second: How many ticks have passed when a second certainly has.
    """

    def __init__(
        self, interval_seconds: float, timeout_seconds: float, connect_timeout_seconds: float
    ) -> None:
        shorter = min(interval_seconds, timeout_seconds, connect_timeout_seconds)
        self.tick = 0
        self._tick_seconds = min(shorter / _TICKS_PER_WAIT, _MAX_TICK_SECONDS)
        self.ticks_per_second = ceil(1 / self._tick_seconds)
        self._timeout_ticks = ceil(timeout_seconds / self._tick_seconds)
        self._connect_ticks = ceil(connect_timeout_seconds / self._tick_seconds)
        ticks = ceil(interval_seconds / self._tick_seconds)
        self._slots: list[set[Pinged]] = [set() for _ in range(ticks)]
        self._expected: dict[Pinged, int] = {}
        """Until which tick; all have the same time, so they are in the order of their ends."""
        self._context = copy_context()
        self._task: asyncio.Task[None] | None = None

    def watch(self, connection: Pinged) -> None:
        """Begin with a connection; who does must `forget` it."""
        connection.heartbeat_slot = self.tick % len(self._slots)
        self._slots[connection.heartbeat_slot].add(connection)
        if self._task is None:
            self._task = asyncio.create_task(self._run(), context=self._context)

    def forget(self, connection: Pinged) -> None:
        """End with a connection, so that what is closed holds no memory until its next ping."""
        self._slots[connection.heartbeat_slot].discard(connection)
        self.connect_arrived(connection)

    def expect_connect(self, connection: Pinged) -> None:
        """Close the connection unless `connect_arrived` is said in time."""
        self._expected[connection] = self.tick + self._connect_ticks

    def connect_arrived(self, connection: Pinged) -> None:
        """The client has asked for a namespace."""
        self._expected.pop(connection, None)

    def has_answered(self, connection: Pinged) -> bool:
        """Whether the client has sent anything since its last ping.

        A ping of the last `_ANSWER_TICKS` ticks does not count: its answer may be on its way. Also
        True while the client's inbox is full, as nothing is read from it then.
        """
        latest = self.tick - _ANSWER_TICKS
        pinged_at = latest - (latest - connection.heartbeat_slot) % len(self._slots)
        return connection.heard_at >= pinged_at or not connection.is_reading

    def stop(self) -> None:
        """No more pings."""
        if self._task is not None:
            self._task.cancel()
            self._task = None

    async def _run(self) -> None:
        while True:
            await asyncio.sleep(self._tick_seconds)
            try:
                self.turn()
            except Exception:  # noqa: BLE001 - one connection must not end the pings of all
                _log.exception("heartbeat failed")

    def turn(self) -> None:
        """The next tick: what falls due in it. Called by the heartbeat's own timer."""
        self.tick += 1
        pinged_at = self.tick - self._timeout_ticks
        for connection in tuple(self._slots[pinged_at % len(self._slots)]):
            # While its inbox is full nobody listens to it, so it cannot be blamed for silence.
            if connection.heard_at < pinged_at and connection.is_reading:
                connection.abort(DisconnectReason.PING_TIMEOUT)
        for connection in tuple(self._slots[self.tick % len(self._slots)]):
            write_now(connection, _PING)  # without waiting for the tick's other frames
        # Found first, ended then: looking for the first key of a dict passes over all that were
        # deleted before it, which would make ending many at once quadratic.
        late = [
            connection
            for connection, _ in takewhile(lambda each: each[1] < self.tick, self._expected.items())
        ]
        for connection in late:
            self.connect_arrived(connection)
            connection.close(DisconnectReason.TRANSPORT_CLOSE)
