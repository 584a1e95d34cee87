"""`NamespaceRooms`: keeps the members of rooms, and sends events to the members."""

from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from collections.abc import Set as AbstractSet
from typing import Any, Protocol

from app.framework.platform_socketio.json_codec import BytesFound
from app.framework.platform_socketio.socket_io import binary_packets, packets
from app.framework.platform_socketio.websocket.write_batcher import (
    Recipient,
    RecipientGroup,
    WriteBatcher,
    add_group,
    remove_group,
    text_frame,
)
from app.framework.websockets.broadcast import Hub
from app.framework.websockets.socket import Socket
from app.framework.websockets.socket_api.acks import AwaitedAck
from app.framework.websockets.socket_api.cluster_adapter import ClusterAdapter, Selection
from app.framework.websockets.socket_api.middleware import Middleware, compile_middleware
from app.framework.websockets.socket_api.server_events import ServerEvents

_ALL_SOCKETS: tuple[str | None, ...] = (None,)
"""Selects the group that contains all sockets of a namespace."""


class RoomLink(Protocol):
    """The part of a socket's link that rooms need."""

    sid: str
    """The socket's id."""

    socket: Socket
    """The `Socket` that handlers receive."""

    @property
    def pending_rooms(self) -> AbstractSet[str]:
        """The rooms that the socket will join when it is admitted."""

    def queue_broadcast(self, frame: bytes) -> None:
        """Queue an event for a socket that is being admitted."""


class RoomMember(Recipient, Protocol):
    """The part of a connection that rooms need."""

    sid: str
    """The connection's Engine.IO id."""

    @property
    def links(self) -> Mapping[str, RoomLink]:
        """The links of the connection's sockets, by namespace."""

    def send_frame(self, frame: bytes) -> None:
        """Queue one frame."""


class RoomOwner(Protocol):
    """The parts of the server that `NamespaceRooms` uses. `RoomManager` implements it."""

    rooms: dict[str, "NamespaceRooms"]
    """The rooms of all namespaces."""

    connect_timeout_seconds: float
    """The time limit of a middleware."""

    allows_binary: bool
    """Whether events and acks may contain bytes."""

    @property
    def clients_count(self) -> int:
        """The number of open connections."""

    def new_cluster_adapter(self, hub: "NamespaceRooms") -> ClusterAdapter | None:
        """Create the cluster adapter of a namespace; None if this process is the only node."""

    def find_hub(self, namespace: str) -> Hub:
        """Return a namespace by its name or pattern; raise ValueError if no gateway has it."""

    def expect_ack(self, sid: str) -> tuple[int, AwaitedAck]:
        """Register an ack that a socket should send; return the id of the event, and the ack."""

    def forget_ack(self, sid: str, packet_id: int) -> None:
        """Stop waiting for an ack. If the client still sends the ack, it is ignored."""

    def forget_callbacks(self, sid: str) -> None:
        """Drop the callbacks for acks that a socket has not sent."""


_NO_MEMBERS: Mapping[str, RoomMember] = {}


class NamespaceRooms:
    """The rooms of one namespace. Implements `Hub` of ``websockets/broadcast.py``.

    Only admitted sockets are members. Broadcasts to a socket that is being admitted are queued by
    its link. Each socket also has a room named after its id. Such rooms are stored only if another
    socket joins them; otherwise the id is looked up among the namespace's sockets.

    Attributes:
        groups: The members by room; the room None contains all sockets. Empty rooms are removed.
        pending: The links of sockets that are being admitted, by the sockets' ids. `sockets` also
            returns these sockets, so that removing all sockets from a room also cancels the joins
            that are queued.
        params: In a dynamic namespace, the values of the pattern's parameters, such as ``id`` of
            ``/rooms/:id``; otherwise empty.
        middlewares: The results of `compile_middleware`, in the order of their registration.
        server_events: The listeners for events of other servers.
        cluster: The other nodes; None if this process is the only one.
    """

    def __init__(self, namespace: str, batcher: WriteBatcher, owner: RoomOwner) -> None:
        self.namespace = namespace
        self.params: Mapping[str, str] = {}
        self.groups: dict[str | None, RecipientGroup[RoomMember]] = {}
        self.pending: dict[str, RoomLink] = {}
        self._pending_in: dict[str, set[RoomLink]] = {}
        """The links of pending sockets by the rooms that they will join."""
        self.middlewares: tuple[Callable[[Socket], Awaitable[bool]], ...] = ()
        self.server_events = ServerEvents()
        self.cluster = owner.new_cluster_adapter(self)
        self._batcher = batcher
        """Writes frames to the members of rooms."""
        self.owner = owner
        """The parts of the server that all namespaces share."""

    def broadcast(
        self,
        rooms: frozenset[str],
        except_rooms: frozenset[str],
        event: str,
        args: tuple[Any, ...],
        *,
        volatile: bool = False,
        local: bool = False,
    ) -> None:
        """Send an event to all sockets in ``rooms``, except the sockets in ``except_rooms``.

        If ``rooms`` is empty, the event is sent to the whole namespace. The event is encoded once.
        A volatile event is not sent to clients that currently do not read. With ``local``, the
        event is not sent to other nodes.

        Raises:
            TypeError: See `event_frame`. Nothing is sent.
        """
        cluster = None if local else self.cluster
        # Refuse an event that cannot be sent, even if this node has no recipients.
        frame = None if cluster is None else self.event_frame(event, args)
        if self.pending:
            links = self._select_pending(rooms, except_rooms)
            frame = self._queue_for_pending(links, frame, event, args)
        groups = self.groups
        excluded: set[Recipient] = set()
        for room in except_rooms:
            excluded.update(self._members_of(room).values())
        stalled = self._batcher.stalled if volatile else None
        names = rooms or _ALL_SOCKETS
        group = None
        if len(names) == 1:
            (name,) = names
            group = groups.get(name)
        if group is not None:
            if stalled:  # exclude only members: each exclusion costs time
                excluded.update(stalled.intersection(group.members.values()))
            self._batcher.queue_group_frame(group, frame or self.event_frame(event, args), excluded)
        else:
            recipients = self.members_of_any(names) - excluded
            if stalled:
                recipients -= stalled
            if recipients:
                frame = frame or self.event_frame(event, args)
                for recipient in recipients:
                    recipient.send_frame(frame)
        if cluster is not None:
            selection = Selection(rooms, except_rooms)
            cluster.publish_event(selection, event, args, volatile=volatile)

    def event_frame(self, event: str, args: tuple[Any, ...], packet_id: int | None = None) -> bytes:
        """Return the frame of an event, or the joined frames of an event with bytes.

        Args:
            packet_id: The event's id if the server awaits an ack; otherwise None.

        Raises:
            TypeError: An argument has no JSON form, or bytes are not allowed.
        """
        try:
            if packet_id is None:
                payload = packets.encode_event(self.namespace, event, args)
            else:
                payload = packets.encode_event_with_id(self.namespace, event, args, packet_id)
        except BytesFound:
            self.check_binary()
            return binary_packets.event_frames(self.namespace, event, args, packet_id)
        return text_frame(payload)

    def check_binary(self) -> None:
        """Raise TypeError if the server does not allow binary packets."""
        if not self.owner.allows_binary:
            raise TypeError("bytes need @web_socket_gateway(max_attachments=...)")

    def _queue_for_pending(
        self, links: Sequence[RoomLink], frame: bytes | None, event: str, args: tuple[Any, ...]
    ) -> bytes | None:
        """Queue an event for sockets that are being admitted; return its frame if it is encoded."""
        if links:
            frame = frame or self.event_frame(event, args)
            for link in links:
                link.queue_broadcast(frame)
        return frame

    def _select_pending(
        self, rooms: frozenset[str], except_rooms: frozenset[str]
    ) -> list[RoomLink]:
        sids: Iterable[str] = self.pending
        if rooms:
            joining = (self._pending_in.get(room, ()) for room in rooms)
            sids = {link.sid for links in joining for link in links} | rooms
        return [
            link
            for sid in sids
            if (link := self.pending.get(sid)) is not None
            and link.pending_rooms.isdisjoint(except_rooms)
        ]

    def sockets(self, rooms: frozenset[str], except_rooms: frozenset[str]) -> tuple[Socket, ...]:
        """Return the sockets in any of ``rooms``, except those in any of ``except_rooms``.

        If ``rooms`` is empty, all sockets are selected. The sockets of a room are in the order of
        joining. A socket that is being admitted counts as a member of the rooms that it will join.
        The time is linear in the number of members of ``rooms``. It does not depend on the members
        of ``except_rooms``.
        """
        names = rooms or _ALL_SOCKETS
        connections = dict.fromkeys(
            each for name in names for each in self._members_of(name).values()
        )
        excluded = [self._members_of(room) for room in except_rooms]
        links = [connection.links[self.namespace] for connection in connections]
        admitted = [
            link.socket for link in links if not any(link.sid in members for members in excluded)
        ]
        pending = self._select_pending(rooms, except_rooms)
        return (*admitted, *[link.socket for link in pending])

    def has_sockets(self, room: str) -> bool:
        """See `Hub.has_sockets`."""
        if room in self.groups or room in self.all_members or room in self.pending:
            return True
        return any(link.sid in self.pending for link in self._pending_in.get(room, ()))

    @property
    def socket_count(self) -> int:
        """See `Hub.socket_count`."""
        return len(self.all_members) + len(self.pending)

    @property
    def clients_count(self) -> int:
        """See `Hub.clients_count`."""
        return self.owner.clients_count

    def is_stalled(self, connection: Recipient) -> bool:
        """Return whether the client is not reading at the moment."""
        return connection in self._batcher.stalled

    def open(self) -> None:
        """Receive the events of other nodes."""
        if self.cluster is not None:
            self.cluster.open()

    async def close(self) -> None:
        """Receive no further events of other nodes."""
        if self.cluster is not None:
            self.cluster.close()
        await self.server_events.close()

    def close_if_empty(self) -> None:
        """Do nothing: a namespace with a fixed name stays open."""

    def of(self, namespace: str) -> Hub:
        """See `Server.of`."""
        return self.owner.find_hub(namespace)

    def use(self, middleware: Middleware) -> None:
        """See `Server.use`."""
        compiled = compile_middleware(middleware, self.owner.connect_timeout_seconds)
        self.middlewares = (*self.middlewares, compiled)

    def add_pending(self, room: str, link: RoomLink) -> None:
        """Register that a pending socket will join a room, and receive events for it already."""
        self._pending_in.setdefault(room, set()).add(link)
        self._room_created(room)

    def remove_pending(self, room: str, link: RoomLink) -> None:
        """Undo `add_pending`, when the socket has joined the room or will not join it."""
        links = self._pending_in.get(room, set())
        if link in links:
            links.remove(link)
            if not links:
                del self._pending_in[room]
            self._room_deleted(room)

    def _room_created(self, room: str) -> None:
        if self.cluster is not None:
            self.cluster.room_created(room)

    def _room_deleted(self, room: str) -> None:
        if self.cluster is not None:
            self.cluster.room_deleted(room)

    def add_socket(self, sid: str, connection: RoomMember, rooms: Iterable[str]) -> None:
        """Add an admitted socket to the namespace and to ``rooms``."""
        self._add_to_group(sid, None, connection)
        for room in rooms:
            self.add_to_room(sid, room)

    def add_to_room(self, sid: str, room: str | None) -> None:
        """Add a socket to one room.

        If the room is the id of another socket, a group of both sockets is stored.

        Raises:
            ValueError: The socket is not admitted.
        """
        members = self.all_members
        connection = members.get(sid)
        if connection is None:
            raise ValueError("sid is not connected to requested namespace")
        if room == sid:
            return
        if room is not None and room in members and room not in self.groups:
            self._add_to_group(room, room, members[room])
        self._add_to_group(sid, room, connection)

    def remove_from_room(self, sid: str, room: str | None) -> None:
        """Remove a socket from one room; no effect if the socket is not in the room."""
        group = self.groups.get(room)
        if group is not None and sid in group.members:
            self._remove_from_group(sid, group)

    def remove_socket(self, sid: str) -> None:
        """Remove a socket from every room, in time linear in the number of its rooms."""
        self.owner.forget_callbacks(sid)
        connection = self.all_members.get(sid)
        if connection is not None:
            for group in self._groups_of(connection):
                self._remove_from_group(sid, group)

    def rooms_of(self, sid: str) -> list[str]:
        """Return the names of a socket's rooms, including its id."""
        connection = self.all_members.get(sid)
        if connection is None:
            return []
        names = [group.name for group in self._groups_of(connection)]
        return [sid, *(name for name in names if name is not None and name != sid)]

    @property
    def all_members(self) -> Mapping[str, RoomMember]:
        """The connections of all admitted sockets, by socket id."""
        group = self.groups.get(None)
        return _NO_MEMBERS if group is None else group.members

    def members_of_any(self, rooms: Iterable[str | None]) -> set[RoomMember]:
        """Return the connections in any of these rooms; the room None contains all sockets."""
        return {member for room in rooms for member in self._members_of(room).values()}

    def _members_of(self, room: str | None) -> Mapping[str, RoomMember]:
        group = self.groups.get(room)
        if group is not None:
            return group.members
        if isinstance(room, tuple | frozenset):
            raise TypeError(f"{room!r} is not the name of a room; give several rooms as a list")
        own = None if room is None else self.all_members.get(room)
        return _NO_MEMBERS if own is None or room is None else {room: own}

    def _groups_of(self, connection: RoomMember) -> list[RecipientGroup[RoomMember]]:
        # Select this namespace's groups: a connection may also be in groups of other namespaces.
        groups = self.groups
        return [group for group in connection.groups if groups.get(group.name) is group]

    def _add_to_group(self, sid: str, name: str | None, connection: RoomMember) -> None:
        group = self.groups.get(name)
        if group is None:
            group = self.groups[name] = RecipientGroup(name)
            if name is not None:
                self._room_created(name)
        if sid not in group.members:
            self._batcher.flush_group(group)
            group.members[sid] = connection
            add_group(connection, group)

    def _remove_from_group(self, sid: str, group: RecipientGroup[RoomMember]) -> None:
        self._batcher.flush_group(group)
        remove_group(group.members.pop(sid), group)
        if not group.members:
            del self.groups[group.name]
            if group.name is not None:
                self._room_deleted(group.name)
