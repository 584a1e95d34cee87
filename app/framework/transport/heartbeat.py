"""Pings for all connections from one task, and an end for those that do not answer."""

import asyncio
from collections import deque

from app.framework.transport.connection import Connection
from app.framework.transport.reasons import DisconnectReason

_PING = b"2"
_TICKS_PER_INTERVAL = 10
_MAX_TICK_SECONDS = 0.5


class Heartbeat:
    """Pings each connection every ``interval`` seconds; silence for ``timeout`` after one ends it.

    Every interval is equally long, so both queues are in order of time and nothing is searched.
    """

    def __init__(self, interval_seconds: float, timeout_seconds: float) -> None:
        self._interval = interval_seconds
        self._timeout = timeout_seconds
        self._pings: deque[tuple[float, Connection]] = deque()
        self._deadlines: deque[tuple[float, float, Connection]] = deque()
        self._task: asyncio.Task[None] | None = None

    def watch(self, connection: Connection) -> None:
        """Begin with a connection; it is forgotten within an interval after it closed."""
        loop = asyncio.get_running_loop()
        self._pings.append((loop.time() + self._interval, connection))
        if self._task is None:
            self._task = loop.create_task(self._run(loop))

    def stop(self) -> None:
        """No more pings."""
        if self._task is not None:
            self._task.cancel()
            self._task = None

    async def _run(self, loop: asyncio.AbstractEventLoop) -> None:
        tick = min(
            self._interval / _TICKS_PER_INTERVAL,
            self._timeout / _TICKS_PER_INTERVAL,
            _MAX_TICK_SECONDS,
        )
        while True:
            await asyncio.sleep(tick)
            now = loop.time()
            self._ping(now)
            self._end_silent(now)

    def _ping(self, now: float) -> None:
        while self._pings and self._pings[0][0] <= now:
            _, connection = self._pings.popleft()
            if connection.closed:
                continue
            connection.push(_PING)
            self._pings.append((now + self._interval, connection))
            self._deadlines.append((now + self._timeout, now, connection))

    def _end_silent(self, now: float) -> None:
        while self._deadlines and self._deadlines[0][0] <= now:
            _, pinged_at, connection = self._deadlines.popleft()
            # While its inbox is full nobody listens to it, so it cannot be blamed for silence.
            if connection.heard_at < pinged_at and connection.is_reading:
                connection.abort(DisconnectReason.PING_TIMEOUT)
