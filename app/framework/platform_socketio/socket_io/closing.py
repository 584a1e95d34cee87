"""`ClosedConnections`: closed connections whose packets, hooks or writes are not finished."""

import asyncio
from collections.abc import Iterable
from contextvars import Context
from functools import partial

from app.framework.platform_socketio.disconnect_reason import DisconnectReason
from app.framework.platform_socketio.socket_io.socket_link import ClientConnection


class ClosedConnections:
    """Handles the backlog of closed connections: packets received earlier, then disconnect hooks.

    Args:
        backlog_seconds: Time limit for the backlog. Without a limit, a slow storage would keep the
            session and the typing indicators of a client that disconnected long ago.
    """

    def __init__(self, backlog_seconds: float, context: Context) -> None:
        self._backlog_seconds = backlog_seconds
        self._context = context
        self._timers: dict[ClientConnection, asyncio.TimerHandle | None] = {}
        """The connections, each with the timer that drops its backlog; None without a backlog."""

    def add_connection(self, connection: ClientConnection, reason: DisconnectReason) -> None:
        """End the connection's sockets after its backlog, for which the time is limited."""
        self._timers[connection] = None
        connection.enqueue_job(partial(self._end_links_in_turn, connection, reason))
        if connection.is_handling:
            self._timers[connection] = asyncio.get_running_loop().call_later(
                self._backlog_seconds, _drop_backlog, connection, reason, context=self._context
            )

    def discard_if_finished(self, connection: ClientConnection) -> None:
        """Forget a connection whose TCP connection is closed, unless its backlog is running."""
        if not connection.is_handling:
            self._timers.pop(connection, None)

    def drop_backlogs(self, reason: DisconnectReason) -> None:
        """Drop the waiting packets of these connections; their disconnect hooks still run."""
        for connection in tuple(self._timers):
            _drop_backlog(connection, reason)

    async def wait_until_finished(self, timeout_seconds: float) -> None:
        """Wait until all backlogs are handled and TCP connections closed, or until the timeout."""
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


async def wait_until_all_idle(
    connections: Iterable[ClientConnection], timeout_seconds: float
) -> None:
    """Wait for `Connection.wait_until_idle` of all connections, at most for the timeout."""
    waits = [asyncio.ensure_future(connection.wait_until_idle()) for connection in connections]
    if waits:
        _, late = await asyncio.wait(waits, timeout=timeout_seconds)
        for wait in late:
            wait.cancel()


def _drop_backlog(connection: ClientConnection, reason: DisconnectReason) -> None:
    _end_links(connection, reason)
    connection.cancel_handling()


def _end_links(connection: ClientConnection, reason: DisconnectReason) -> None:
    for link in tuple(connection.links.values()):
        link.end_link(reason)
