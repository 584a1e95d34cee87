"""Closes connections in batches, and finishes the packets and hooks of closed connections."""

import asyncio
from collections.abc import Iterable, Sequence
from contextlib import suppress
from contextvars import Context
from functools import partial

from app.framework.platform_socketio.disconnect_reason import DisconnectReason
from app.framework.platform_socketio.socket_io.socket_link import ClientConnection

MAX_BATCHES = 20
"""The maximum number of batches in `close_in_batches`."""


class ClosedConnections:
    """Handles the backlog of closed connections, and then runs their disconnect hooks.

    The backlog consists of the packets that were received before the connection was closed.

    Args:
        backlog_seconds: Time limit for the backlog. Without a limit, slow handlers could delay the
            disconnect hooks for a long time.
    """

    def __init__(self, backlog_seconds: float, context: Context) -> None:
        self._backlog_seconds = backlog_seconds
        self._context = context
        self._timers: dict[ClientConnection, asyncio.TimerHandle | None] = {}
        """Maps each connection to the timer that drops the backlog; None without a backlog."""

    def add_connection(self, connection: ClientConnection, reason: DisconnectReason) -> None:
        """End the connection's sockets when the backlog is handled, or after the time limit."""
        self._timers[connection] = None
        connection.enqueue_job(partial(self._end_links_in_turn, connection, reason))
        if connection.is_handling:
            self._timers[connection] = asyncio.get_running_loop().call_later(
                self._backlog_seconds, _drop_backlog, connection, reason, context=self._context
            )

    def discard_if_finished(self, connection: ClientConnection) -> None:
        """Remove a connection after its TCP connection has closed, unless a backlog is left."""
        if not connection.is_handling:
            self._timers.pop(connection, None)

    def drop_backlogs(self, reason: DisconnectReason) -> None:
        """Cancel running handlers and drop waiting packets; the disconnect hooks still run."""
        for connection in tuple(self._timers):
            _drop_backlog(connection, reason)

    async def wait_until_finished(self, timeout_seconds: float) -> None:
        """Wait until all backlogs and TCP connections have ended, or until the timeout."""
        await wait_until_all_idle(self._timers, timeout_seconds)

    def _end_links_in_turn(self, connection: ClientConnection, reason: DisconnectReason) -> None:
        _end_links(connection, reason)
        connection.enqueue_job(
            partial(self._finish, connection)
        )  # runs after the hooks, which are already enqueued

    def _finish(self, connection: ClientConnection) -> None:
        timer = self._timers.get(connection)
        if timer is not None:
            timer.cancel()
        if connection.is_tcp_closed:
            self._timers.pop(connection, None)


async def close_in_batches(
    connections: Sequence[ClientConnection], seconds: float, ack_seconds: float
) -> None:
    """Close connections with code 1001, in up to `MAX_BATCHES` batches within ``seconds``.

    Clients are served until it is the turn of their batch. If a client's event is being handled
    then, its connection is closed when the ack is sent, or after ``ack_seconds``.
    """
    size = -(-len(connections) // MAX_BATCHES)
    async with asyncio.TaskGroup() as closing:
        for start in range(0, len(connections), size or 1):
            if start:
                await asyncio.sleep(seconds / MAX_BATCHES)
            for connection in connections[start : start + size]:
                if not connection.closed:
                    closing.create_task(_close_when_idle(connection, ack_seconds))


async def wait_until_all_idle(
    connections: Iterable[ClientConnection], timeout_seconds: float
) -> None:
    """Wait for `Connection.wait_until_idle` of all connections, or until the timeout."""
    waits = [asyncio.ensure_future(connection.wait_until_idle()) for connection in connections]
    if waits:
        _, late = await asyncio.wait(waits, timeout=timeout_seconds)
        for wait in late:
            wait.cancel()


async def _close_when_idle(connection: ClientConnection, timeout_seconds: float) -> None:
    connection.drain()
    with suppress(TimeoutError):
        async with asyncio.timeout(timeout_seconds):
            await connection.wait_until_idle()
    connection.close(DisconnectReason.SERVER_SHUTTING_DOWN)


def _drop_backlog(connection: ClientConnection, reason: DisconnectReason) -> None:
    _end_links(connection, reason)
    connection.cancel_handling()


def _end_links(connection: ClientConnection, reason: DisconnectReason) -> None:
    for link in tuple(connection.links.values()):
        link.end_link(reason)
