"""`ClusterAdapter`: the other nodes of a cluster, as one namespace sees them."""

from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, Any, NamedTuple, Protocol

if TYPE_CHECKING:
    from app.framework.websockets.broadcast import Hub
    from app.framework.websockets.socket_api.remote_socket import RemoteSocket


class Selection(NamedTuple):
    """Selects sockets: those in any of ``rooms`` (all if empty) and in none of ``except_rooms``."""

    rooms: frozenset[str] = frozenset()
    except_rooms: frozenset[str] = frozenset()


class Cluster(Protocol):
    """The other nodes; `RedisNodes` implements it."""

    @property
    def is_connected(self) -> bool:
        """Whether the node exchanges messages with other nodes now."""

    def when_connected(self, callback: Callable[[], None]) -> None:
        """Call a function each time the node is connected again, and after it dropped messages.

        Messages of this node and of other nodes may have been lost before the call. The first call
        follows the first connection.
        """

    async def confirm_subscriptions(self) -> None:
        """Wait until the node receives the events for all rooms of its sockets.

        Raises:
            ConnectionError: The node is not connected, or Redis does not answer.
        """

    def create_adapter(self, hub: "Hub", /) -> "ClusterAdapter":
        """Create the cluster adapter of a namespace."""

    async def open(self) -> None:
        """Connect; if the connection fails, connecting continues in the background."""

    async def close(self) -> None:
        """Close the connections."""


class ClusterAdapter(Protocol):
    """Reaches the sockets of a namespace on the other nodes.

    `ShardedAdapter` and `ClassicAdapter` implement it.

    The methods that do not return a coroutine queue a message, and do not wait for other nodes. If
    the nodes cannot be reached, the message is published later, unless it is a volatile event or
    the queue is full.
    """

    def open(self) -> None:
        """Receive the messages of other nodes from now on."""

    def close(self) -> None:
        """Receive no further messages."""

    def publish_event(
        self, selection: Selection, event: str, args: tuple[Any, ...], *, volatile: bool
    ) -> None:
        """See `BroadcastOperator.emit`."""

    def publish_join(self, selection: Selection, rooms: Iterable[str]) -> None:
        """See `BroadcastOperator.sockets_join`."""

    def publish_leave(self, selection: Selection, rooms: Iterable[str]) -> None:
        """See `BroadcastOperator.sockets_leave`."""

    def publish_disconnect(self, selection: Selection, *, close: bool) -> None:
        """See `BroadcastOperator.disconnect_sockets`."""

    def publish_server_event(self, event: str, args: tuple[Any, ...]) -> None:
        """See `Server.server_side_emit`."""

    async def fetch_sockets(
        self, selection: Selection, timeout_seconds: float
    ) -> "list[RemoteSocket]":
        """Return the selected sockets of the other nodes.

        Raises:
            AckTimeoutError: Not all nodes have answered in time.
            ConnectionError: Redis does not answer. The other methods that ask raise it too.
        """

    async def emit_with_ack(
        self, selection: Selection, event: str, args: tuple[Any, ...], timeout_seconds: float
    ) -> list[Any]:
        """Return the acks of the selected sockets of the other nodes.

        Raises:
            AckTimeoutError: Not all acks have arrived in time.
        """

    async def server_side_emit_with_ack(
        self, event: str, args: tuple[Any, ...], timeout_seconds: float
    ) -> list[Any]:
        """See `Server.server_side_emit_with_ack`."""

    def room_created(self, room: str) -> None:
        """Receive the events for a room.

        Called when the first socket of this node joins the room, and for each connecting socket
        that will join it.
        """

    def room_deleted(self, room: str) -> None:
        """Undo one call of `room_created`."""
