"""Pings for all connections from one task, and an end for those that do not answer."""

import asyncio
from collections.abc import Iterator

import structlog

from app.framework.transport.connection import Connection
from app.framework.transport.reasons import DisconnectReason

_log = structlog.stdlib.get_logger("Heartbeat")

_PING = b"2"
_TICKS_PER_INTERVAL = 10
_MAX_TICK_SECONDS = 0.5


class Heartbeat:
    """Pings each connection every ``interval`` seconds; silence for ``timeout`` after one ends it.

    Every interval is equally long, so both dicts are in order of time and nothing is searched.
    """

    def __init__(self, interval_seconds: float, timeout_seconds: float) -> None:
        self._interval = interval_seconds
        self._timeout = timeout_seconds
        self._next_ping: dict[Connection, float] = {}
        self._unanswered_since: dict[Connection, float] = {}
        self._task: asyncio.Task[None] | None = None

    def watch(self, connection: Connection) -> None:
        """Begin with a connection; who does must `forget` it."""
        loop = asyncio.get_running_loop()
        self._next_ping[connection] = loop.time() + self._interval
        if self._task is None:
            self._task = loop.create_task(self._run(loop))

    def forget(self, connection: Connection) -> None:
        """End with a connection, so that what is closed holds no memory until its next ping."""
        self._next_ping.pop(connection, None)
        self._unanswered_since.pop(connection, None)

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
            try:
                now = loop.time()
                self._end_silent(now)
                self._ping(now)
            except Exception:  # noqa: BLE001 - one connection must not end the pings of all
                _log.exception("heartbeat failed")

    def _end_silent(self, now: float) -> None:
        for connection, pinged_at in _while_due(self._unanswered_since, now - self._timeout):
            # While its inbox is full nobody listens to it, so it cannot be blamed for silence.
            if connection.heard_at < pinged_at and connection.is_reading:
                connection.abort(DisconnectReason.PING_TIMEOUT)

    def _ping(self, now: float) -> None:
        for connection, _ in _while_due(self._next_ping, now):
            connection.push(_PING)
            self._next_ping[connection] = now + self._interval
            # When pings come faster than they expire, the oldest one decides.
            self._unanswered_since.setdefault(connection, now)


def _while_due(times: dict[Connection, float], now: float) -> Iterator[tuple[Connection, float]]:
    """Take out, oldest first, what is due; the dict may change meanwhile."""
    while times:
        connection, time = next(iter(times.items()))
        if time > now:
            return
        del times[connection]
        yield connection, time
