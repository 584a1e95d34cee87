"""A client's Engine.IO connection: handles its packets in order, one at a time."""

import asyncio
from collections import deque
from collections.abc import Callable
from typing import Generic

import structlog
from aiohttp import WSCloseCode

from app.framework.platform_socketio.disconnect_reason import DisconnectReason
from app.framework.platform_socketio.engine_io.connection_owner import (
    ConnectionOwner,
    Handling,
    Link,
)
from app.framework.platform_socketio.errors import MalformedPacketError
from app.framework.platform_socketio.websocket.protocol import WebSocket
from app.framework.platform_socketio.websocket.upgrade import UpgradeRequest
from app.framework.platform_socketio.websocket.write_batcher import text_frame

_CLOSE, _PONG, _MESSAGE = "1", "3", "4"
"""The Engine.IO packet types that a client may send over a WebSocket."""

_ACK = "3"
"""Socket.IO's packet type for an ack; in a message, it follows the Engine.IO packet type."""

Job = Callable[[], Handling | None]
"""A function in the inbox. The server calls it after handling the packets that arrived before it.
It returns None if the work is done, or a coroutine that completes the work. It must not raise.
"""

INBOX_MAX_JOBS = 64
"""The number of waiting packets and jobs at which the server stops reading from a client."""

INBOX_MAX_CHARS = 131_072
"""The total length of waiting packets at which the server stops reading from a client. Packets wait
unparsed, because parsed packets may take twenty times the memory.
"""

MAX_BACKGROUND_TASKS = 16
"""The maximum number of concurrent `run_in_background` tasks of one client, such as handlers that
stream their results.
"""

_EMPTY_INBOX: "deque[str | Job]" = deque(maxlen=0)
"""The inbox that all idle clients share, because even an empty deque takes 760 bytes."""

_log = structlog.stdlib.get_logger("Connection")

_CLOSE_CODES = {
    DisconnectReason.SERVER_SHUTTING_DOWN: WSCloseCode.GOING_AWAY,
    DisconnectReason.PARSE_ERROR: WSCloseCode.PROTOCOL_ERROR,
}


class Connection(WebSocket, Generic[Link]):
    """A client's Engine.IO connection.

    Packets are handled immediately when they arrive. If a handler has to wait, it continues as a
    task, and later packets of this client wait in the inbox. Thus the events of one client are
    handled one after another, and clients do not wait for each other. An idle connection has no
    task and no queue.
    """

    __slots__ = (
        "_background_tasks",
        "_heartbeat",
        "_inbox",
        "_inbox_chars",
        "_owner",
        "_pause",
        "_second_began_at",
        "_task",
        "_tasks",
        "_tcp_closed",
        "heartbeat_slot",
        "is_draining",
        "is_handling",
        "last_received_tick",
        "links",
        "rejected_connects",
        "request",
        "sid",
    )

    def __init__(
        self,
        sid: str,
        transport: asyncio.Transport,
        request: UpgradeRequest,
        owner: "ConnectionOwner[Connection[Link]]",
        max_message_bytes: int,
        max_queue_bytes: int,
    ) -> None:
        super().__init__(
            transport,
            owner.batcher,
            max_message_bytes,
            max_queue_bytes,
            owner.max_packets_per_second,
        )
        self.sid = sid
        """The connection's Engine.IO id."""
        self.request = request
        """The parts of the upgrade request that stay in memory."""
        self.links: dict[str, Link] = {}
        """The client's links by namespace, including links in the state `LinkState.PENDING`."""
        self.rejected_connects = 0
        """The number of CONNECT packets that were rejected without closing the connection, except
        packets whose ``auth`` is too large.
        """
        self.last_received_tick = owner.heartbeat.tick
        """The heartbeat's tick in which the client last sent anything."""
        self.heartbeat_slot = 0
        """The connection's slot in the heartbeat's timer wheel; only the heartbeat sets it."""
        self.is_handling = False
        """Whether a packet or job is being handled, or waits in the inbox."""
        self.is_draining = False
        """Whether `drain` was called; the server then rejects waiting events as ``draining``."""
        self._owner = owner
        """The Socket.IO server."""
        self._tasks = owner.tasks
        """Runs the handlers as eager tasks."""
        self._heartbeat = owner.heartbeat
        """Counts the ticks, and pings the client."""
        self._second_began_at = owner.heartbeat.tick
        """The tick in which ``packets_left`` was last reset to its maximum."""
        self._inbox = _EMPTY_INBOX
        """Packets and jobs that wait until the current one is handled."""
        self._inbox_chars = 0
        """The total length of the packets in the inbox."""
        self._task: asyncio.Future[None] | None = None
        """The task of the current packet or job if its handler has to wait; otherwise None."""
        self._pause: asyncio.Future[None] | None = None
        """The future that ends `pause_events`; None if no handler is paused."""
        self._background_tasks: frozenset[asyncio.Future[None]] = frozenset()
        """The running tasks of `run_in_background`."""
        self._tcp_closed: asyncio.Future[None] | None = None
        """A future, created by `wait_until_idle`, that is resolved when the TCP connection
        closes.
        """

    @property
    def is_reading(self) -> bool:
        """Whether the server may read: the inbox has room, and `drain` was not called."""
        return (
            len(self._inbox) < INBOX_MAX_JOBS
            and self._inbox_chars < INBOX_MAX_CHARS
            and not self.is_draining
        )

    @property
    def answers_pings(self) -> bool:
        """Whether the client has answered the last ping."""
        return self._heartbeat.has_answered(self)

    def send_text(self, payload: bytes) -> None:
        """Queue one text message, unless the connection is closed."""
        if not self.closed:
            self._batcher.queue_frame(self, text_frame(payload))

    def enqueue_job(self, job: Job) -> None:
        """Run a job after the packets received so far, or now if all of them are handled."""
        self._append_job(job)
        if not self.is_handling:
            self._handle_inbox()

    def limit_time_without_links(self) -> None:
        """Start the connect timeout if the client is in no namespace."""
        if not self.links and not self.closed:
            self._heartbeat.start_connect_timeout(self)

    def run_in_background(self, coroutine: Handling) -> bool:
        """Run a coroutine concurrently with the client's events; cancel it on disconnect.

        Returns False without running the coroutine if the connection is closed, or if
        `MAX_BACKGROUND_TASKS` tasks are running.
        """
        if self.closed or len(self._background_tasks) >= MAX_BACKGROUND_TASKS:
            return False
        task = self._tasks.start(coroutine)
        if not task.done():
            self._background_tasks |= {task}
            task.add_done_callback(self._background_task_done, context=self._batcher.context)
            if self.closed:  # the coroutine has closed the connection itself
                task.cancel()
        return True

    async def pause_events(self, seconds: float) -> None:
        """Sleep in a handler, and delay the client's further packets for the same time.

        Packets wait in the inbox, and when the inbox is full, the server stops reading. If the
        connection closes, the sleep ends, and the packets in the inbox are dropped.
        """
        if not self.closed:
            loop = asyncio.get_running_loop()
            self._pause = pause = loop.create_future()
            timer = loop.call_later(seconds, _resolve, pause, context=self._batcher.context)
            try:
                await pause
            finally:
                timer.cancel()
                self._pause = None
        if self.closed:
            self._drop_waiting_packets()

    def drain(self) -> None:
        """Stop reading until the connection is closed, and end a running `pause_events`."""
        self.is_draining = True
        self.drop_unparsed_data()
        if self._pause is not None:
            _resolve(self._pause)

    def close(self, reason: DisconnectReason, code: int | None = None) -> None:
        """Write the queued frames and a close frame, and close the connection.

        Earlier packets of admitted sockets are still handled, for at most
        ``EngineOptions.backlog_seconds``. Guards may reject these packets. If ``reason`` is
        PARSE_ERROR, the packets are ignored. Closing again has no effect.
        """
        if not self.closed:
            self.start_closing(code or _CLOSE_CODES.get(reason, WSCloseCode.OK))
            self._report_closed(reason)

    def abort(self, reason: DisconnectReason) -> None:
        """Close the TCP connection now, and drop the queued frames."""
        if not self.closed:
            self.abort_transport()
            self._report_closed(reason)

    async def wait_until_idle(self) -> None:
        """Wait until all received packets are handled.

        If the connection is closed, also wait for its background tasks and for the end of the TCP
        connection.
        """
        while True:
            futures = {self._task, *(self._background_tasks if self.closed else ())}
            if self.closed and not self.is_tcp_closed:
                self._tcp_closed = self._tcp_closed or asyncio.get_running_loop().create_future()
                futures.add(self._tcp_closed)
            pending = [future for future in futures if future is not None and not future.done()]
            if pending:
                await asyncio.wait(pending)
            elif self.has_unparsed_data:
                await asyncio.sleep(0)  # the next tick parses the next slice
            else:
                return

    def cancel_handling(self) -> None:
        """Abort the TCP connection and cancel the running handler, but still handle the inbox."""
        self.abort_transport()
        if self._task is not None:
            self._task.cancel()

    def check_packet_rate(self) -> None:
        """Reset ``packets_left``, or close the connection of a client that sends too fast.

        Called when ``packets_left`` is negative. The value is reset if at least a second has passed
        since the last reset.
        """
        tick = self._heartbeat.tick
        if tick - self._second_began_at >= self._heartbeat.ticks_per_second:
            self._second_began_at = tick
            self.packets_left = self._owner.max_packets_per_second
            return
        self._owner.connection_flooded(self)
        self.start_closing_flood(WSCloseCode.POLICY_VIOLATION)
        self._drop_waiting_packets()
        self._report_closed(DisconnectReason.TRANSPORT_ERROR)

    def on_text(self, text: str) -> None:
        """Handle one Engine.IO packet, or put it into the inbox."""
        self.last_received_tick = self._heartbeat.tick
        packet_type = text[:1]
        if packet_type == _MESSAGE:
            if self.is_handling:
                self._append_packet(text)
            else:
                self.is_handling = True
                self._start_handling(text)
                if self._inbox and self._task is None:
                    self._handle_inbox()
                else:
                    self.is_handling = self._task is not None
        elif packet_type == _CLOSE:
            self.close(DisconnectReason.TRANSPORT_CLOSE)
        elif packet_type != _PONG:  # a pong only updates `last_received_tick`
            self.close(DisconnectReason.PARSE_ERROR)

    def on_protocol_error(self, code: int) -> None:
        """Close the connection with this code."""
        self.close(DisconnectReason.PARSE_ERROR, code)

    def on_close_frame(self) -> None:
        """Close the connection at the client's request."""
        self.close(DisconnectReason.TRANSPORT_CLOSE)

    def on_tcp_closed(self) -> None:
        """Clean up after the end of the TCP connection."""
        self.abort(DisconnectReason.TRANSPORT_CLOSE)
        self._owner.connection_tcp_closed(self)
        if self._tcp_closed is not None:
            _resolve(self._tcp_closed)

    def on_write_error(self, error: Exception) -> None:
        """Log the error, which is a bug, and abort only this connection."""
        _log.error("connection cannot be written to", connection=self.sid, exc_info=error)
        self.abort(DisconnectReason.TRANSPORT_ERROR)

    def on_queue_limit(self, queued_bytes: int) -> None:
        """Log the slow client, and abort: the client would not read a close frame."""
        socket_ids = [link.sid for link in self.links.values()]
        _log.warning("slow client cut off", socket_ids=socket_ids, queued_bytes=queued_bytes)
        self.abort(DisconnectReason.TRANSPORT_ERROR)

    def _append_job(self, job: Job) -> None:
        if self._inbox is _EMPTY_INBOX:
            self._inbox = deque()
        self._inbox.append(job)

    def _append_packet(self, text: str) -> None:
        if text[1:2] == _ACK and self._owner.handle_awaited_ack(self, text):
            return
        if self._inbox is _EMPTY_INBOX:
            self._inbox = deque()
        self._inbox.append(text)
        self._inbox_chars += len(text)
        if not self.is_reading:
            self.pause_reading()

    def _handle_inbox(self) -> None:
        self.is_handling = True
        while self._inbox:
            entry = self._inbox.popleft()
            if isinstance(entry, str):
                self._inbox_chars -= len(entry)
            self._start_handling(entry)
            if self._task is not None:
                return
        self._inbox = _EMPTY_INBOX
        self.is_handling = False

    def _start_handling(self, entry: str | Job) -> None:
        if isinstance(entry, str):
            try:
                handling = self._owner.handle_message(self, entry)
            except MalformedPacketError:
                self.close(DisconnectReason.PARSE_ERROR)
                return
        else:
            handling = entry()
        if handling is None:
            return
        future = self._tasks.start(handling)
        if not future.done():
            self._task = future
            future.add_done_callback(self._task_done, context=self._batcher.context)
        elif future is not self._tasks.completed:
            self._close_after_error(future)

    def _task_done(self, task: "asyncio.Future[None]") -> None:
        self._task = None
        self._close_after_error(task)
        was_reading = self.is_reading
        self._handle_inbox()
        if not was_reading and self.is_reading and not self.closed:
            # Answers to pings may be unread. Update the tick, so that the heartbeat does not abort.
            self.last_received_tick = self._heartbeat.tick
            self.continue_reading()

    def _close_after_error(self, future: "asyncio.Future[None]") -> None:
        error = None if future.cancelled() else future.exception()
        if isinstance(error, MalformedPacketError):
            self.close(DisconnectReason.PARSE_ERROR)
        elif error is not None:  # a bug in a handler ends only this connection
            _log.error("packet handler failed", connection=self.sid, exc_info=error)
            self.close(DisconnectReason.TRANSPORT_ERROR)

    def _drop_waiting_packets(self) -> None:
        self._inbox_chars = 0
        if self._inbox:
            self._inbox = deque(entry for entry in self._inbox if not isinstance(entry, str))

    def _background_task_done(self, task: "asyncio.Future[None]") -> None:
        self._background_tasks -= {task}

    def _report_closed(self, reason: DisconnectReason) -> None:
        for task in self._background_tasks:
            task.cancel()
        if self._pause is not None:
            _resolve(self._pause)
        self._owner.connection_closed(self, reason)


def _resolve(future: "asyncio.Future[None]") -> None:
    if not future.done():
        future.set_result(None)
