"""A connection whose client may send binary packets; see `EngineOptions.max_attachments`."""

import asyncio
from collections import deque

from aiohttp import WSCloseCode

from app.framework.platform_socketio.disconnect_reason import DisconnectReason
from app.framework.platform_socketio.engine_io.connection import Connection, Job
from app.framework.platform_socketio.engine_io.connection_owner import ConnectionOwner, Handling
from app.framework.platform_socketio.errors import MalformedPacketError
from app.framework.platform_socketio.socket_io.binary_packets import BINARY_ACK, read_head
from app.framework.platform_socketio.socket_io.socket_link import ServerSocketLink
from app.framework.platform_socketio.websocket.upgrade import UpgradeRequest

_MESSAGE = "4"


class _BinaryMessage:
    """A complete binary packet, as a job in the inbox; `INBOX_MAX_CHARS` includes its size."""

    __slots__ = ("_connection", "attachments", "size", "text")

    def __init__(
        self, connection: "BinaryConnection", text: str, attachments: tuple[bytes, ...]
    ) -> None:
        self._connection = connection
        self.text = text
        self.attachments = attachments
        self.size = len(text) + sum(map(len, attachments))

    def __call__(self) -> Handling | None:
        return self._connection.handle_binary(self)


class BinaryConnection(Connection[ServerSocketLink]):
    """Collects the attachments of binary packets, and handles each packet when it is complete.

    A packet has at most ``max_attachments`` attachments. Text and attachments together have at most
    ``max_message_bytes``. Only one packet is incomplete at a time.
    """

    __slots__ = (
        "_attachments",
        "_bytes_left",
        "_max_attachments",
        "_max_message_bytes",
        "_missing",
        "_text",
    )

    def __init__(
        self,
        sid: str,
        transport: asyncio.Transport,
        request: UpgradeRequest,
        owner: ConnectionOwner[Connection[ServerSocketLink]],
        max_message_bytes: int,
        max_queue_bytes: int,
        *,
        max_attachments: int,
    ) -> None:
        super().__init__(sid, transport, request, owner, max_message_bytes, max_queue_bytes)
        self._max_message_bytes = max_message_bytes
        self._max_attachments = max_attachments
        self._text = ""
        """The text message of the incomplete packet."""
        self._attachments: list[bytes] = []
        """The attachments of the incomplete packet that have arrived."""
        self._missing = 0
        """The number of attachments that have not arrived yet."""
        self._bytes_left = 0
        """The maximum total size of the missing attachments, in bytes."""

    def on_text(self, text: str) -> None:
        """Handle a packet, or keep the text of a binary packet until its attachments arrive."""
        head = read_head(text)
        # As in Node, no other Socket.IO packet may arrive before the last attachment.
        if self._missing and text[:1] == _MESSAGE:
            self.close(DisconnectReason.PARSE_ERROR)
        elif head is None:
            super().on_text(text)
        elif head.attachments > self._max_attachments:
            self.close(DisconnectReason.PARSE_ERROR)
        elif not head.attachments:
            super().on_text(head.plain)
        else:
            self.last_received_tick = self._heartbeat.tick
            self._text, self._missing = text, head.attachments
            self._bytes_left = self._max_message_bytes - len(text.encode(errors="replace"))

    def on_binary(self, data: bytes) -> None:
        """Collect one attachment."""
        self.last_received_tick = self._heartbeat.tick
        if not self._missing:
            self.close(DisconnectReason.PARSE_ERROR)
            return
        self._bytes_left -= len(data)
        if self._bytes_left < 0:
            self.close(DisconnectReason.PARSE_ERROR, WSCloseCode.MESSAGE_TOO_BIG)
            return
        self._attachments.append(bytes(data))
        self._missing -= 1
        if not self._missing:
            text, attachments = self._text, tuple(self._attachments)
            self._text, self._attachments = "", []
            self._accept_packet(text, attachments)

    def handle_binary(self, message: _BinaryMessage) -> Handling | None:
        """Handle a complete packet that was taken from the inbox."""
        self._inbox_chars -= message.size
        try:
            return self._owner.handle_message(self, message.text, message.attachments)
        except MalformedPacketError:
            self.close(DisconnectReason.PARSE_ERROR)
            return None

    def _accept_packet(self, text: str, attachments: tuple[bytes, ...]) -> None:
        may_be_awaited = self.is_handling and text.startswith(BINARY_ACK)
        if may_be_awaited and self._owner.handle_awaited_ack(self, text, attachments):
            return
        self.enqueue_job(_BinaryMessage(self, text, attachments))

    def _append_job(self, job: Job) -> None:
        super()._append_job(job)
        if isinstance(job, _BinaryMessage):
            self._inbox_chars += job.size
            if self.is_handling and not self.is_reading:  # otherwise the packet is handled at once
                self.pause_reading()

    def _drop_waiting_packets(self) -> None:
        super()._drop_waiting_packets()
        if self._inbox:
            self._inbox = deque(
                each for each in self._inbox if not isinstance(each, _BinaryMessage)
            )
