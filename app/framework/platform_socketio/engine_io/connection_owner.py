"""`ConnectionOwner`: the methods of the Socket.IO server that connections call."""

from collections.abc import Coroutine
from typing import Any, Protocol, TypeVar

from app.concurrency.eager import EagerTasks
from app.framework.platform_socketio.disconnect_reason import DisconnectReason
from app.framework.platform_socketio.websocket.heartbeat import Heartbeat
from app.framework.platform_socketio.websocket.write_batcher import WriteBatcher

Handling = Coroutine[Any, Any, None]
"""A coroutine that handles one packet or job."""


class NamespaceLink(Protocol):
    """Links a connection to one namespace."""

    sid: str
    """The id of the client's socket in the namespace."""


Link = TypeVar("Link", bound=NamespaceLink)
"""The type of a connection's links, which is `ServerSocketLink`."""


Connection_contra = TypeVar("Connection_contra", contravariant=True)
"""Stands for `Connection`; importing that class here would be a circular import."""


class ConnectionOwner(Protocol[Connection_contra]):
    """The part of the Socket.IO server that a connection needs; implemented by `SocketServer`."""

    tasks: EagerTasks
    batcher: WriteBatcher
    heartbeat: Heartbeat
    max_packets_per_second: int

    def handle_message(
        self, connection: Connection_contra, message: str, attachments: tuple[bytes, ...] = ()
    ) -> Handling | None:
        """Handle a message; return None, or a coroutine if work is left to do.

        Args:
            message: The text, which begins with Engine.IO's packet type ``4``.
            attachments: The attachments of a binary packet; other packets have none.

        Raises:
            MalformedPacketError: The client does not follow the protocol.
        """

    def handle_awaited_ack(
        self, connection: Connection_contra, message: str, attachments: tuple[bytes, ...] = ()
    ) -> bool:
        """Handle an ack at once, ahead of the packets in the inbox, if a handler may await it.

        Returns False for any other packet, which the caller then puts into the inbox.
        """

    def connection_closed(self, connection: Connection_contra, reason: DisconnectReason) -> None:
        """Stop serving a closed connection, and enqueue its disconnect hooks."""

    def connection_tcp_closed(self, connection: Connection_contra) -> None:
        """Remove a connection after its TCP connection has closed, unless it has jobs left."""

    def connection_flooded(self, connection: Connection_contra) -> None:
        """Log that the connection is closed because the client sent too many packets."""
