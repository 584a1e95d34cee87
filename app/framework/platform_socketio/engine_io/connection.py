"""A client's Engine.IO connection: its packets in order, one at a time. Knows no Socket.IO."""

import asyncio
from collections import deque
from collections.abc import Callable, Coroutine
from typing import Any, Protocol

import structlog
from aiohttp import WSCloseCode

from app.concurrency.eager import EagerTasks
from app.framework.platform_socketio.disconnect_reason import DisconnectReason
from app.framework.platform_socketio.socket_io.packets import MalformedPacketError
from app.framework.platform_socketio.websocket import frames
from app.framework.platform_socketio.websocket.heartbeat import Heartbeat
from app.framework.platform_socketio.websocket.protocol import WebSocket
from app.framework.platform_socketio.websocket.upgrade import UpgradeRequest
from app.framework.platform_socketio.websocket.write_batcher import WriteBatcher

_CLOSE, _PONG, _MESSAGE = "1", "3", "4"
"""What a client may send of Engine.IO's packet types: WebSocket is the only transport."""

Work = Coroutine[Any, Any, None]
Job = Callable[[], Work]

INBOX_MAX_JOBS = 64
"""Packets of one client that may wait for the one being handled; then its socket is not read."""

INBOX_MAX_CHARS = 131_072
"""Likewise, their length. They wait unparsed: parsed they may take twenty times the room."""

ASIDE_MAX_TASKS = 16
"""Streams of one client that run beside its events."""

_NOTHING_WAITS: "deque[str | Job]" = deque(maxlen=0)
"""The inbox of an idle client: an empty deque of its own would take 760 bytes."""

_log = structlog.stdlib.get_logger("Connection")

_CLOSE_CODES = {
    DisconnectReason.SERVER_SHUTTING_DOWN: WSCloseCode.GOING_AWAY,
    DisconnectReason.PARSE_ERROR: WSCloseCode.PROTOCOL_ERROR,
}


class ConnectionOwner(Protocol):
    """Who a connection works for: the Socket.IO server."""

    tasks: EagerTasks
    outbox: WriteBatcher
    heartbeat: Heartbeat
    max_packets_per_second: int
    is_closing: bool

    def handle(self, connection: "Connection", frame: str) -> Work | None:
        """What is to be done for a message, whose text begins with Engine.IO's ``4``.

        Raises:
            MalformedPacketError: The client does not speak the protocol.
        """

    def connection_closed(self, connection: "Connection", reason: DisconnectReason) -> None:
        """The connection is no more: forget it, and queue what remains to be done."""

    def connection_gone(self, connection: "Connection") -> None:
        """Its TCP connection is closed, too."""

    def flood_ended(self, connection: "Connection") -> None:
        """The connection is about to be closed for sending more packets than it may."""


class Connection(WebSocket):
    """A client's transport.

    A packet is handled in place as it comes. If that has to wait for something, it goes on as a
    task, and what comes meanwhile waits in the inbox: one client's events are handled one after
    the other, and nobody else's wait for them. An idle connection has no task and no queue.
    """

    __slots__ = (
        "_aside",
        "_busy",
        "_gone",
        "_heartbeat",
        "_held",
        "_inbox",
        "_inbox_chars",
        "_owner",
        "_renewed_at",
        "_tasks",
        "_work",
        "heard_at",
        "heartbeat_slot",
        "links",
        "refused_connects",
        "request",
        "sid",
    )

    def __init__(
        self,
        sid: str,
        transport: asyncio.Transport,
        request: UpgradeRequest,
        owner: ConnectionOwner,
        max_message_bytes: int,
        max_queue_bytes: int,
    ) -> None:
        super().__init__(
            transport,
            owner.outbox,
            max_message_bytes,
            max_queue_bytes,
            owner.max_packets_per_second,
        )
        self.sid = sid
        self.request = request
        self.links: dict[str, Any] = {}
        """What the owner keeps for each namespace the client is in; its ``sid`` is the socket's."""
        self.refused_connects = 0
        """How often the client asked for a namespace that there is not."""
        self.heard_at = owner.heartbeat.tick
        """When the client last sent anything, in the heartbeat's ticks."""
        self.heartbeat_slot = 0
        """The heartbeat's own."""
        self._owner = owner
        self._tasks = owner.tasks
        self._heartbeat = owner.heartbeat
        self._renewed_at = owner.heartbeat.tick
        self._held: asyncio.Future[None] | None = None
        self._inbox = _NOTHING_WAITS
        self._inbox_chars = 0
        self._busy = False
        self._work: asyncio.Future[None] | None = None
        self._aside: frozenset[asyncio.Future[None]] = frozenset()
        self._gone: asyncio.Future[None] | None = None

    @property
    def is_reading(self) -> bool:
        """Whether the client can be heard: not while its inbox is full or the server closes."""
        return (
            len(self._inbox) < INBOX_MAX_JOBS
            and self._inbox_chars < INBOX_MAX_CHARS
            and not self._owner.is_closing
        )

    @property
    def is_busy(self) -> bool:
        """Whether something is being done for the client, or waits to be."""
        return self._busy

    @property
    def answers_pings(self) -> bool:
        """Whether the client has answered its last ping."""
        return self._heartbeat.has_answered(self)

    def push(self, payload: bytes) -> None:
        """Queue the payload of one text frame."""
        if not self.closed:
            self._outbox.send(self, frames.text(payload))

    def enqueue(self, job: Job) -> None:
        """Do this after all that the client has sent so far; now, if that is done."""
        self._wait_in_line(job)
        if not self._busy:
            self._drain()

    def run_aside(self, work: Work) -> bool:
        """Run this beside the client's events, until it ends or the connection does.

        Not begun, and False, when it is closed or `ASIDE_MAX_TASKS` are running already.
        """
        if self.closed or len(self._aside) >= ASIDE_MAX_TASKS:
            return False
        task = self._tasks.start(work)
        if not task.done():
            self._aside |= {task}
            task.add_done_callback(self._aside_ended, context=self._outbox.context)
            if self.closed:  # by the work itself, just now
                task.cancel()
        return True

    async def hold(self, seconds: float) -> None:
        """Wait. Awaited by a handler, it delays what the client sends meanwhile.

        That waits in the inbox, and when the inbox is full, unread. When the connection ends the
        wait does, and what waits in the inbox is dropped.
        """
        if not self.closed:
            loop = asyncio.get_running_loop()
            self._held = held = loop.create_future()
            timer = loop.call_later(seconds, _finish, held, context=self._outbox.context)
            try:
                await held
            finally:
                timer.cancel()
                self._held = None
        if self.closed:
            self._drop_packets()

    def read_no_more(self) -> None:
        """Read nothing until the connection is closed; a handler that holds the client goes on."""
        self.drop_unread()
        if self._held is not None:
            _finish(self._held)

    def close(self, reason: DisconnectReason, code: int | None = None) -> None:
        """End the connection: what is due is still written, within `CLOSE_TIMEOUT_SECONDS`.

        What the client sent before is still handled. Closing again does nothing.
        """
        if not self.closed:
            self.start_closing(code or _CLOSE_CODES.get(reason, WSCloseCode.OK))
            self._leave(reason)

    def abort(self, reason: DisconnectReason) -> None:
        """End the connection now; nothing more is written."""
        if not self.closed:
            self.cut()
            self._leave(reason)

    async def idle(self) -> None:
        """Wait until what the client sent is handled and the connection, if closed, is gone."""
        while True:
            busy = {self._work, *(self._aside if self.closed else ())}
            if self.closed and not self.is_gone:
                self._gone = self._gone or asyncio.get_running_loop().create_future()
                busy.add(self._gone)
            waits = [each for each in busy if each is not None and not each.done()]
            if waits:
                await asyncio.wait(waits)
            elif self.has_unread:
                await asyncio.sleep(0)  # each tick reads on
            else:
                return

    def cut_off(self) -> None:
        """Cancel what is being done for this client; what waits in the inbox goes on."""
        self.cut()
        if self._work is not None:
            self._work.cancel()

    def check_packet_rate(self) -> None:
        """See `WebSocket`. A client is turned away that spent a second's packets in less."""
        tick = self._heartbeat.tick
        if tick - self._renewed_at >= self._heartbeat.ticks_per_second:
            self._renewed_at = tick
            self.packets_left = self._owner.max_packets_per_second
            return
        self._owner.flood_ended(self)
        self.turn_away(WSCloseCode.POLICY_VIOLATION)
        self._drop_packets()
        self._leave(DisconnectReason.TRANSPORT_ERROR)

    def text_received(self, text: str) -> None:
        """One Engine.IO packet."""
        self.heard_at = self._heartbeat.tick
        kind = text[:1]
        if kind == _MESSAGE:
            if self._busy:
                self._wait_in_line(text)
            else:
                self._busy = True
                self._handle(text)
                if self._inbox and self._work is None:
                    self._drain()
                else:
                    self._busy = self._work is not None
        elif kind == _CLOSE:
            self.close(DisconnectReason.TRANSPORT_CLOSE)
        elif kind != _PONG:  # which says all it has to say by coming
            self.close(DisconnectReason.PARSE_ERROR)

    def failed(self, code: int) -> None:
        """See `WebSocket`."""
        self.close(DisconnectReason.PARSE_ERROR, code)

    def ended(self) -> None:
        """See `WebSocket`."""
        self.close(DisconnectReason.TRANSPORT_CLOSE)

    def gone(self) -> None:
        """See `WebSocket`."""
        self.abort(DisconnectReason.TRANSPORT_CLOSE)
        self._owner.connection_gone(self)
        if self._gone is not None and not self._gone.done():
            self._gone.set_result(None)

    def broken(self, error: Exception) -> None:
        """See `WebSocket`. A bug, somewhere; it ends this connection only."""
        _log.error("connection cannot be written to", connection=self.sid, exc_info=error)
        self.abort(DisconnectReason.TRANSPORT_ERROR)

    def stalled_too_long(self, queued_bytes: int) -> None:
        """See `WebSocket`. A close handshake could not be written to such a client either."""
        socket_ids = [link.sid for link in self.links.values()]
        _log.warning("slow client cut off", socket_ids=socket_ids, queued_bytes=queued_bytes)
        self.abort(DisconnectReason.TRANSPORT_ERROR)

    def _wait_in_line(self, entry: str | Job) -> None:
        if self._inbox is _NOTHING_WAITS:
            self._inbox = deque()
        self._inbox.append(entry)
        if isinstance(entry, str):
            self._inbox_chars += len(entry)
            if not self.is_reading:
                self.stop_reading()

    def _drain(self) -> None:
        """Do what waits, until something has to be waited for."""
        self._busy = True
        while self._inbox:
            entry = self._inbox.popleft()
            if isinstance(entry, str):
                self._inbox_chars -= len(entry)
                self._handle(entry)
            else:
                self._begin(entry())
            if self._work is not None:
                return
        self._inbox = _NOTHING_WAITS
        self._busy = False

    def _handle(self, packet: str) -> None:
        """Begin with one; it has ended, unless ``_work`` is set."""
        try:
            work = self._owner.handle(self, packet)
        except MalformedPacketError:
            self.close(DisconnectReason.PARSE_ERROR)
            return
        if work is not None:
            self._begin(work)

    def _begin(self, work: Work) -> None:
        future = self._tasks.start(work)
        if not future.done():
            self._work = future
            future.add_done_callback(self._work_ended, context=self._outbox.context)
        elif future is not self._tasks.nothing:
            self._settle(future)

    def _work_ended(self, work: "asyncio.Future[None]") -> None:
        was_reading = self.is_reading
        self._work = None
        self._settle(work)
        self._drain()
        if not was_reading and self.is_reading and not self.closed:
            self.heard_at = self._heartbeat.tick  # its answers are yet to be read
            self.go_on_reading()

    def _settle(self, work: "asyncio.Future[None]") -> None:
        error = None if work.cancelled() else work.exception()
        if isinstance(error, MalformedPacketError):
            self.close(DisconnectReason.PARSE_ERROR)
        elif error is not None:  # a bug; it ends this connection only
            _log.error("packet handler failed", connection=self.sid, exc_info=error)
            self.close(DisconnectReason.TRANSPORT_ERROR)

    def _drop_packets(self) -> None:
        """Keep of the inbox only what is ours to do."""
        self._inbox_chars = 0
        if self._inbox:
            self._inbox = deque(entry for entry in self._inbox if not isinstance(entry, str))

    def _aside_ended(self, task: "asyncio.Future[None]") -> None:
        self._aside -= {task}

    def _leave(self, reason: DisconnectReason) -> None:
        for task in self._aside:
            task.cancel()
        if self._held is not None:
            _finish(self._held)
        self._owner.connection_closed(self, reason)


def _finish(future: "asyncio.Future[None]") -> None:
    if not future.done():
        future.set_result(None)
