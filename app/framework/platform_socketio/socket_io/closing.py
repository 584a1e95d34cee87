"""`ClosedConnections`: closed connections whose packets, hooks or last writes are not done yet."""

import asyncio
from collections.abc import Iterable
from contextvars import Context
from functools import partial

from app.framework.platform_socketio.disconnect_reason import DisconnectReason
from app.framework.platform_socketio.socket_io.socket_link import ClientConnection


class ClosedConnections:
    """Handles the backlog of closed connections: packets received before, then disconnect hooks.

    Args:
        backlog_seconds: Time limit for the backlog. Behind a slow storage it would otherwise keep
            the session and the typing indicators of a client that has long disconnected.
    """

    def __init__(self, backlog_seconds: float, context: Context) -> None:
        self._backlog_seconds = backlog_seconds
        self._context = context
        self._timers: dict[ClientConnection, asyncio.TimerHandle | None] = {}
        """The connections, with the timer that drops the backlog; None if there was none."""

    def add_connection(self, connection: ClientConnection, reason: DisconnectReason) -> None:
        """Enqueue the end of the connection's sockets after its backlog, and limit its time."""
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
        """Handle no more packets of these connections; their hooks still run."""
        for connection in tuple(self._timers):
            _drop_backlog(connection, reason)

    async def wait_until_finished(self, timeout_seconds: float) -> None:
        """Wait until all backlogs are handled and all TCP connections closed, or time is up."""
        await wait_until_all_idle(self._timers, timeout_seconds)

    async def _end_links_in_turn(
        self, connection: ClientConnection, reason: DisconnectReason
    ) -> None:
        _end_links(connection, reason)
        connection.enqueue_job(
            partial(self._finish, connection)
        )  # after the hooks, which are enqueued now

    async def _finish(self, connection: ClientConnection) -> None:
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
