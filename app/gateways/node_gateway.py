"""Implements `Nodes` and `MembershipBus` as a gateway without event handlers.

The nodes use Socket.IO's Redis adapter, so servers in Node.js are nodes, too. They ignore the
``serverSideEmit`` events of this module.
"""

from collections.abc import Callable, Iterable, Iterator
from enum import StrEnum
from functools import partial
from itertools import islice
from typing import Any

from app.domain.channel import MembershipEvent, MembershipUpdate
from app.domain.errors import Unavailable
from app.domain.events import ServerEvent
from app.domain.ids import ChannelId, UserId
from app.domain.rooms import channel_room, user_room
from app.framework import Cluster, RemoteEvent, Server, WebSocketServer, web_socket_gateway
from app.ports import ChannelEvent, MembershipBus, MessageRepository, NodeListener, Nodes

MAX_USERS = 500
"""The maximum number of users in one message to the other nodes."""

_CHANNEL_ROOM = channel_room(ChannelId(""))


class NodeEvent(StrEnum):
    """The events that nodes in Python send to each other with ``serverSideEmit``."""

    MEMBERSHIP = "chat:membership"
    """``(event, channelId, userIds, lastSeq)``: see `NodeListener.apply_membership`."""
    MESSAGES = "chat:messages"
    """``(channelId)``: see `NodeListener.catch_up`."""
    MEMBERS = "chat:members"
    """``(channelId, digest)``: see `NodeListener.compare_members`."""
    LOSSES = "chat:losses"
    """``()``: see `NodeListener.catch_up_all`."""


@web_socket_gateway()
class NodeGateway(Nodes, MembershipBus):
    """Exchanges events with the other nodes of a cluster, in the gateway's namespace."""

    server = WebSocketServer()

    def __init__(self, cluster: Cluster, messages: MessageRepository) -> None:
        self._cluster = cluster
        self._messages = messages
        self._listener: NodeListener
        self._on_changed: Callable[[MembershipUpdate], None]

    @property
    def is_clustered(self) -> bool:
        return True

    @property
    def is_connected(self) -> bool:
        return self._cluster.is_connected

    def after_init(self, server: Server) -> None:
        """Receive the events of other nodes from now on."""
        server.intercept_remote_events(self._intercept)
        server.on(NodeEvent.MEMBERSHIP, self._receive_membership)
        server.on(NodeEvent.MESSAGES, self._receive_messages)
        server.on(NodeEvent.MEMBERS, self._receive_members)
        server.on(NodeEvent.LOSSES, self._receive_losses)
        self._cluster.when_connected(self._find_losses)

    def watch(self, listener: NodeListener) -> None:
        self._listener = listener

    def listen(self, on_changed: Callable[[MembershipUpdate], None]) -> None:
        self._on_changed = on_changed

    async def confirm_subscriptions(self) -> None:
        try:
            await self._cluster.confirm_subscriptions()
        except ConnectionError:
            raise Unavailable from None

    def announce_messages(self, channel_id: ChannelId) -> None:
        self.server.server_side_emit(NodeEvent.MESSAGES, channel_id)

    def announce_members(self, channel_id: ChannelId, digest: int) -> None:
        self.server.server_side_emit(NodeEvent.MEMBERS, channel_id, digest)

    def announce_losses(self) -> None:
        self.server.server_side_emit(NodeEvent.LOSSES)

    async def publish(self, update: MembershipUpdate) -> None:
        """See `MembershipBus.publish`. Nodes in Node.js move their sockets, too."""
        channel_id, room = update.channel_id, channel_room(update.channel_id)
        last_seq = 0
        if update.event is MembershipEvent.JOINED:
            try:
                last_seq = (await self._messages.last_seqs((channel_id,)))[channel_id]
            except Unavailable:
                self._on_changed(update)
                raise
        self._listener.apply_membership(update, last_seq)
        if update.event is MembershipEvent.DELETED:
            self.server.server_side_emit(NodeEvent.MEMBERSHIP, update.event, channel_id, [], 0)
            self.server.in_(room).sockets_leave(room)
            return
        for user_ids in _chunks(update.user_ids):
            self.server.server_side_emit(
                NodeEvent.MEMBERSHIP, update.event, channel_id, user_ids, last_seq
            )
            sockets = self.server.in_(*map(user_room, user_ids))
            if update.event is MembershipEvent.JOINED:
                sockets.sockets_join(room)
            else:
                sockets.sockets_leave(room)

    def _intercept(self, event: RemoteEvent) -> bool:
        """Pass an event for the room of one channel to the listener. Drop late receipts."""
        payload = _payload(event)
        if event.event in _RECEIPTS and not self._listener.is_receipt_current(payload):
            return True
        rooms = [room for room in event.rooms if room.startswith(_CHANNEL_ROOM)]
        if len(rooms) != 1:
            return False
        channel_id = ChannelId(rooms[0].removeprefix(_CHANNEL_ROOM))
        send = partial(self._send, event)
        self._listener.receive(ChannelEvent(channel_id, event.event, payload, send))
        return True

    def _send(self, event: RemoteEvent) -> None:
        recipients = self.server.to(event.rooms).except_(event.except_rooms).local
        if event.volatile:
            recipients = recipients.volatile
        recipients.emit(event.event, *event.args)

    def _receive_membership(
        self, event: Any = None, channel_id: Any = None, user_ids: Any = None, last_seq: Any = None
    ) -> None:
        match event, channel_id, user_ids, last_seq:
            case str(), str(), list(), int() if event in _MEMBERSHIP_EVENTS:
                users = frozenset(UserId(each) for each in user_ids if isinstance(each, str))
                update = MembershipUpdate(MembershipEvent(event), ChannelId(channel_id), users)
                self._listener.apply_membership(update, last_seq)

    def _receive_messages(self, channel_id: Any = None) -> None:
        if isinstance(channel_id, str):
            self._listener.catch_up(ChannelId(channel_id))

    def _receive_members(self, channel_id: Any = None, digest: Any = None) -> None:
        if isinstance(channel_id, str) and isinstance(digest, int):
            self._listener.compare_members(ChannelId(channel_id), digest)

    def _receive_losses(self) -> None:
        self._listener.catch_up_all(tell_others=False)

    def _find_losses(self) -> None:
        """Search for messages that this node or the others may have missed."""
        self._listener.catch_up_all(tell_others=True)


_MEMBERSHIP_EVENTS = frozenset(MembershipEvent)
_RECEIPTS = frozenset({ServerEvent.MESSAGE_DELIVERED, ServerEvent.MESSAGE_SEEN})


def _payload(event: RemoteEvent) -> dict[str, Any]:
    return event.args[0] if event.args and isinstance(event.args[0], dict) else {}


def _chunks(user_ids: Iterable[UserId]) -> Iterator[list[UserId]]:
    remaining = iter(user_ids)
    while chunk := list(islice(remaining, MAX_USERS)):
        yield chunk
