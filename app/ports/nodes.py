"""The ports between this node and the other nodes of the cluster."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Protocol, runtime_checkable

from app.domain.channel import MembershipUpdate
from app.domain.ids import ChannelId


@dataclass(frozen=True, slots=True)
class ChannelEvent:
    """An event that another node has published to a channel.

    Attributes:
        name: The event's name; nodes in Node.js may publish events that this server does not know.
        payload: The event's first argument if it is a JSON object; otherwise empty.
        send: Sends the event to its recipients on this node.
    """

    channel_id: ChannelId
    name: str
    payload: Mapping[str, Any]
    send: Callable[[], None]


class NodeListener(Protocol):
    """Receives the events of other nodes. The methods must not raise or block."""

    def receive(self, event: ChannelEvent) -> None:
        """Handle an event that another node has published to a channel."""

    def is_receipt_current(self, payload: Mapping[str, Any]) -> bool:
        """Return False if a receipt of another node must not be sent to the author.

        This is the case for a DELIVERED that arrives after the READ of the same recipient.
        """
        ...

    def apply_membership(self, update: MembershipUpdate, last_seq: int) -> None:
        """Move the sockets of this node after this or another node changed a channel's members.

        Args:
            last_seq: If users have joined, the last ``seq`` of the channel, read after the join.
        """

    def compare_members(self, channel_id: ChannelId, digest: int) -> None:
        """Handle a digest of a channel's members, which another node has just loaded."""

    def catch_up(self, channel_id: ChannelId) -> None:
        """Publish the messages that this node has missed in a channel."""

    def catch_up_all(self, *, tell_others: bool) -> None:
        """Publish the messages that this node has missed in all channels.

        Args:
            tell_others: Whether other nodes may have missed messages of this node.
        """


@runtime_checkable
class Nodes(Protocol):
    """The other nodes. `NodeGateway` and `SingleNode` implement this port.

    Messages to other nodes may be lost. `NodeListener.catch_up_all` is called when this node knows
    that some may have been lost.
    """

    @property
    def is_clustered(self) -> bool:
        """Whether there may be other nodes."""
        ...

    @property
    def is_connected(self) -> bool:
        """Whether this node exchanges messages with the other nodes now; True for a single node."""
        ...

    def watch(self, listener: NodeListener) -> None:
        """Set the only listener."""
        ...

    async def confirm_subscriptions(self) -> None:
        """Wait until this node receives the events of all channels with a socket on this node.

        Raises:
            Unavailable: This node is not connected to the other nodes.
        """
        ...

    def announce_messages(self, channel_id: ChannelId) -> None:
        """Ask the other nodes to publish the messages that they have missed in a channel."""
        ...

    def announce_members(self, channel_id: ChannelId, digest: int) -> None:
        """Announce the digest of a channel's members, which this node has just loaded."""
        ...

    def announce_losses(self) -> None:
        """Ask the other nodes to publish the messages that they have missed in all channels."""
        ...
