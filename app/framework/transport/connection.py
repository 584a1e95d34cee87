"""One WebSocket: frames in, frames out, in order and bounded. Knows Engine.IO, not Socket.IO."""

import asyncio
import contextvars
from collections import deque
from collections.abc import Awaitable, Callable, Coroutine
from typing import Any, Protocol

import structlog
from aiohttp import WebSocketError, WSCloseCode, WSMessage, WSMsgType, web

from app.framework.transport.packets import MalformedPacketError, StrictPacket
from app.framework.transport.reasons import DisconnectReason

Job = Callable[[], Awaitable[None]]

CLOSE_TIMEOUT_SECONDS = 0.8
"""How long a close handshake, or a frame before it, may take; then the connection is cut."""

INBOX_MAX_JOBS = 64
"""Events of one client that may wait for the one being handled; then its socket is not read."""

INBOX_MAX_CHARS = 131_072
"""Likewise, what they were sent as. Parsed, that may take twenty times the room."""

ASIDE_MAX_TASKS = 16
"""Streams of one client that run beside its events."""

_log = structlog.stdlib.get_logger("Connection")

_CLOSE_CODES = {
    DisconnectReason.SERVER_SHUTTING_DOWN: WSCloseCode.GOING_AWAY,
    DisconnectReason.PARSE_ERROR: WSCloseCode.PROTOCOL_ERROR,
}


class ConnectionOwner(Protocol):
    """Who a connection works for: the Socket.IO server."""

    async def handle_packet(self, connection: "Connection", packet: StrictPacket) -> None:
        """Handle one packet; the next one of this connection waits for it."""

    def connection_closed(self, connection: "Connection", reason: DisconnectReason) -> None:
        """The connection is no more: forget it, and queue what remains to be done."""


class Connection:
    """A client's transport.

    In: frames are parsed as they come, heartbeats answered at once; packets wait in an inbox for
    one worker, so a client's events are handled one after the other. Out: frames wait in an outbox
    for one writer. Both are tasks only while there is something to do; the connection owns them.
    """

    def __init__(
        self,
        sid: str,
        websocket: web.WebSocketResponse,
        request: web.Request,
        owner: ConnectionOwner,
        max_queue_bytes: int,
    ) -> None:
        self.sid = sid
        self.request: web.Request = request
        self.links: dict[str, Any] = {}
        """What the owner keeps for each namespace the client is in; its ``sid`` is the socket's."""
        self.refused_connects = 0
        """How often the client asked for a namespace that there is not."""
        self.closed = False
        self.heard_at = 0.0
        """When the client last sent anything, by the loop's clock."""
        self._websocket = websocket
        self._owner = owner
        self._max_queue_bytes = max_queue_bytes
        self._loop = asyncio.get_running_loop()
        self._inbox: deque[tuple[Job, int]] = deque()
        self._inbox_chars = 0
        self._inbox_has_room = asyncio.Event()
        self._worker: asyncio.Task[None] | None = None
        self._outbox: deque[bytes] = deque()
        self._outbox_bytes = 0
        self._writer: asyncio.Task[None] | None = None
        self._closing: asyncio.Task[None] | None = None
        self._connect_timer: asyncio.TimerHandle | None = None
        self._aside: set[asyncio.Task[None]] = set()
        # Frames are pushed by whoever sends: what is logged here must not bear the sender's names.
        self._context = contextvars.copy_context()

    async def read(self) -> None:
        """Read until the connection ends, one way or another, and has been closed."""
        reason = DisconnectReason.TRANSPORT_CLOSE
        try:
            async for message in self._websocket:
                self.heard_at = self._loop.time()
                if message.type is not WSMsgType.TEXT:
                    reason = _reason_of(message)
                    break
                await self._receive(message.data)
                if self.closed:
                    break
        except MalformedPacketError:
            reason = DisconnectReason.PARSE_ERROR
        except ConnectionError:  # aiohttp could not answer a WebSocket ping
            reason = DisconnectReason.TRANSPORT_ERROR
        finally:
            self.close(reason)
        if self._closing is not None:
            await self._closing

    @property
    def is_reading(self) -> bool:
        """Whether the client can be heard: not while its inbox is full."""
        return len(self._inbox) < INBOX_MAX_JOBS and self._inbox_chars < INBOX_MAX_CHARS

    def expect_connect(self, timeout_seconds: float) -> None:
        """Close unless the client connects to a namespace in time."""
        self._connect_timer = self._loop.call_later(
            timeout_seconds, self.close, DisconnectReason.TRANSPORT_CLOSE
        )

    def connect_arrived(self) -> None:
        """The client has connected to a namespace."""
        if self._connect_timer is not None:
            self._connect_timer.cancel()

    def push(self, payload: bytes) -> None:
        """Queue one text frame.

        A client that does not read fast enough to stay under its bound is cut off: a close
        handshake could not be written to it either.
        """
        if self.closed:
            return
        self._outbox.append(payload)
        self._outbox_bytes += len(payload)
        if self._outbox_bytes > self._max_queue_bytes:
            self._context.copy().run(
                _log.warning,
                "slow client cut off",
                socket_ids=[link.sid for link in self.links.values()],
                queued_bytes=self._outbox_bytes,
            )
            self.abort(DisconnectReason.TRANSPORT_ERROR)
        elif self._writer is None:
            self._writer = self._start(self._write())

    def enqueue(self, job: Job, chars: int = 0) -> None:
        """Do this, which came in a frame of ``chars``, after all the client has sent so far."""
        self._inbox.append((job, chars))
        self._inbox_chars += chars
        if self._worker is None:
            self._worker = self._start(self._work())

    def run_aside(self, work: Coroutine[Any, Any, None]) -> bool:
        """Run this beside the client's events, until it ends or the connection does.

        Not begun, and False, when `ASIDE_MAX_TASKS` are running already.
        """
        if self.closed or len(self._aside) >= ASIDE_MAX_TASKS:
            return False
        task = self._start(work)
        self._aside.add(task)
        task.add_done_callback(self._aside.discard)
        return True

    def close(self, reason: DisconnectReason) -> None:
        """End the connection: what is queued is still written, within `CLOSE_TIMEOUT_SECONDS`.

        What the client sent before is still handled. Closing again does nothing.
        """
        if self.closed:
            return
        self.closed = True
        self.connect_arrived()
        self._closing = self._start(self._shake_hands(_CLOSE_CODES.get(reason, WSCloseCode.OK)))
        self._end_asides()
        self._owner.connection_closed(self, reason)

    def abort(self, reason: DisconnectReason) -> None:
        """End the connection now; nothing more is written."""
        if self.closed:
            return
        self.closed = True
        self.connect_arrived()
        self._outbox.clear()
        self._cut()
        self._end_asides()
        self._owner.connection_closed(self, reason)

    async def idle(self) -> None:
        """Wait until what the client sent is handled and the connection, if closed, is gone."""
        while tasks := [
            task
            for task in (self._worker, self._closing, *(self._aside if self.closed else ()))
            if task and not task.done()
        ]:
            await asyncio.wait(tasks)

    def cut_off(self) -> None:
        """Cancel what is being done for this client; what waits in the inbox goes on."""
        self._cut()
        for task in (self._worker, self._writer, self._closing):
            if task is not None:
                task.cancel()

    async def _receive(self, frame: str) -> None:
        """One Engine.IO packet."""
        match frame[:1]:
            case "4":
                packet = StrictPacket.parse(frame[1:])
                while not self.is_reading:
                    self._inbox_has_room.clear()
                    await self._inbox_has_room.wait()
                self.enqueue(lambda: self._owner.handle_packet(self, packet), len(frame))
            case "3":
                pass  # a pong: that it came is all it says
            case "1":
                self.close(DisconnectReason.TRANSPORT_CLOSE)
            case _:
                raise MalformedPacketError

    async def _work(self) -> None:
        try:
            while self._inbox:
                job, chars = self._inbox.popleft()
                self._inbox_chars -= chars
                self._inbox_has_room.set()
                await job()
        except MalformedPacketError:
            self.close(DisconnectReason.PARSE_ERROR)
        except Exception:  # noqa: BLE001 - a bug, logged; it ends this connection only
            _log.exception("packet handler failed", connection=self.sid)
            self.close(DisconnectReason.TRANSPORT_ERROR)
        finally:
            self._worker = None
            if self._inbox:
                self._worker = self._start(self._work())

    async def _write(self) -> None:
        try:
            while self._outbox:
                payload = self._outbox.popleft()
                await self._websocket.send_frame(payload, WSMsgType.TEXT)
                self._outbox_bytes -= len(payload)
        except ConnectionError:
            self.abort(DisconnectReason.TRANSPORT_ERROR)
        finally:
            self._writer = None

    async def _shake_hands(self, code: int) -> None:
        try:
            async with asyncio.timeout(CLOSE_TIMEOUT_SECONDS):
                if self._writer is not None:
                    await asyncio.wait([self._writer])
                await self._websocket.close(code=code)
        except (TimeoutError, ConnectionError):
            pass
        finally:
            self._cut()

    def _start(self, work: Coroutine[Any, Any, None]) -> asyncio.Task[None]:
        return self._loop.create_task(work, context=self._context.copy())

    def _end_asides(self) -> None:
        for task in self._aside:
            task.cancel()

    def _cut(self) -> None:
        transport = self.request.transport
        if transport is not None:
            transport.abort()


def _reason_of(message: WSMessage) -> DisconnectReason:
    """Why something else than text came: the network failed, or the client is to blame."""
    if message.type is WSMsgType.ERROR and not isinstance(message.data, WebSocketError):
        return DisconnectReason.TRANSPORT_ERROR
    return DisconnectReason.PARSE_ERROR  # binary, too big, no UTF-8, no WebSocket
