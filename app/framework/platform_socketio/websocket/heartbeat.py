"""Pings all connections from one timer, and closes connections that do not answer."""

import asyncio
from contextvars import copy_context
from itertools import takewhile
from math import ceil
from typing import Protocol

import structlog

from app.framework.platform_socketio.disconnect_reason import DisconnectReason
from app.framework.platform_socketio.websocket.write_batcher import Writable, text_frame, write_now

_log = structlog.stdlib.get_logger("Heartbeat")

_PING = text_frame(b"2")
_MIN_TICKS_PER_TIMEOUT = 10
_MAX_TICK_SECONDS = 0.5
_ANSWER_TICKS = 2


class PingedConnection(Writable, Protocol):
    """The part of a connection that the heartbeat needs."""

    last_received_tick: int
    """The tick in which the server last received anything from the client."""

    heartbeat_slot: int
    """The connection's slot in the timer wheel; only the heartbeat sets it."""

    @property
    def is_reading(self) -> bool:
        """Whether the server currently reads from the client."""

    def abort(self, reason: DisconnectReason) -> None:
        """Close the TCP connection now."""

    def close(self, reason: DisconnectReason) -> None:
        """Close the connection with a close handshake."""


class Heartbeat:
    """Pings each connection once per interval, and aborts connections that do not answer in time.

    Also closes connections that do not send CONNECT within the connect timeout.

    A timer wheel has one slot for each tick of an interval. A connection stays in the slot of the
    tick in which it was added. In each interval, the connection is pinged in the tick of its slot,
    and the answer is checked one ping timeout later. Time is counted in ticks, so clients are not
    aborted after a pause of this process.

    Attributes:
        ticks_per_second: The number of ticks in a second, rounded up.
    """

    def __init__(
        self, interval_seconds: float, timeout_seconds: float, connect_timeout_seconds: float
    ) -> None:
        shortest = min(interval_seconds, timeout_seconds, connect_timeout_seconds)
        self.tick = 0
        self._tick_seconds = min(shortest / _MIN_TICKS_PER_TIMEOUT, _MAX_TICK_SECONDS)
        """The length of a tick."""
        self.ticks_per_second = ceil(1 / self._tick_seconds)
        self._timeout_ticks = ceil(timeout_seconds / self._tick_seconds)
        """The number of ticks within which a client must answer a ping."""
        self._connect_timeout_ticks = ceil(connect_timeout_seconds / self._tick_seconds)
        """The number of ticks within which a client must send CONNECT."""
        ticks = ceil(interval_seconds / self._tick_seconds)
        self._slots: list[set[PingedConnection]] = [set() for _ in range(ticks)]
        """The timer wheel: for each tick of an interval, the connections to ping."""
        self._connect_deadlines: dict[PingedConnection, int] = {}
        """For each connection, the last tick in which CONNECT may arrive; in ascending order."""
        self._context = copy_context()
        """The task's context: the first client's context would keep that client's objects alive."""
        self._task: asyncio.Task[None] | None = None
        """Runs the ticks; None before the first connection and after `stop`."""

    def start_pinging(self, connection: PingedConnection) -> None:
        """Start pinging a connection. Call `stop_pinging` when the connection is closed."""
        connection.heartbeat_slot = self.tick % len(self._slots)
        self._slots[connection.heartbeat_slot].add(connection)
        if self._task is None:
            self._task = asyncio.create_task(self._run_ticks(), context=self._context)

    def stop_pinging(self, connection: PingedConnection) -> None:
        """Stop pinging a connection, and cancel its connect timeout."""
        self._slots[connection.heartbeat_slot].discard(connection)
        self.stop_connect_timeout(connection)

    def start_connect_timeout(self, connection: PingedConnection) -> None:
        """Close the connection after the timeout, unless `stop_connect_timeout` is called."""
        self._connect_deadlines[connection] = self.tick + self._connect_timeout_ticks

    def stop_connect_timeout(self, connection: PingedConnection) -> None:
        """Stop the connect timeout: the client has sent CONNECT, or its connection is closed."""
        self._connect_deadlines.pop(connection, None)

    def has_answered(self, connection: PingedConnection) -> bool:
        """Return whether the client has sent anything since the server last pinged it.

        A ping sent within the last `_ANSWER_TICKS` ticks is ignored, because the answer may be on
        the way. The result is also True while the client's inbox is full, because the server then
        reads no answers.
        """
        latest = self.tick - _ANSWER_TICKS
        pinged_at = latest - (latest - connection.heartbeat_slot) % len(self._slots)
        return connection.last_received_tick >= pinged_at or not connection.is_reading

    def stop(self) -> None:
        """Send no more pings and stop all timeouts."""
        if self._task is not None:
            self._task.cancel()
            self._task = None

    async def _run_ticks(self) -> None:
        while True:
            await asyncio.sleep(self._tick_seconds)
            try:
                self.advance()
            except Exception:  # noqa: BLE001 - a failing connection must not stop the pings of others
                _log.exception("heartbeat failed")

    def advance(self) -> None:
        """Begin the next tick: check answers, send pings, enforce connect timeouts."""
        self.tick += 1
        pinged_at = self.tick - self._timeout_ticks
        for connection in tuple(self._slots[pinged_at % len(self._slots)]):
            # While the client's inbox is full, the server does not read: an answer may be unread.
            if connection.last_received_tick < pinged_at and connection.is_reading:
                connection.abort(DisconnectReason.PING_TIMEOUT)
        for connection in tuple(self._slots[self.tick % len(self._slots)]):
            write_now(connection, _PING)  # without waiting for the end of the tick
        # Collect the late connections before removing any of them. Reading the first key of a dict
        # takes time linear in the deleted entries before it, so removing one connection at a time
        # would take quadratic time.
        late = [
            connection
            for connection, deadline in takewhile(
                lambda entry: entry[1] < self.tick, self._connect_deadlines.items()
            )
        ]
        for connection in late:
            self.stop_connect_timeout(connection)
            connection.close(DisconnectReason.TRANSPORT_CLOSE)
