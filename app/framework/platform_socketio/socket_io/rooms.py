"""python-socketio's manager with what it lacks: fan-out without tasks, and rooms by socket.

In python-socketio 5.18 a room is a ``bidict`` of ids, and an emit a task per recipient; here it is
a `RecipientGroup` of connections. This class replaces the methods of `BaseManager` and
`AsyncManager` that look into rooms: ``basic_enter_room``, ``basic_leave_room``,
``basic_disconnect``, ``get_rooms``, ``get_participants``, ``is_connected``, ``is_sid_room``,
``eio_sid_from_sid``, and ``emit``. Everything else of the two works on these. ``rooms`` and
``callbacks`` are its own. A test holds the library to it, see `upgrade`.
"""

from collections.abc import Iterable, Iterator, Mapping
from collections.abc import Set as AbstractSet
from typing import Any, Protocol

import socketio

from app.framework.platform_socketio.engine_io.connection import Connection
from app.framework.platform_socketio.socket_io import packets
from app.framework.platform_socketio.websocket import frames
from app.framework.platform_socketio.websocket.write_batcher import (
    Recipient,
    RecipientGroup,
    WriteBatcher,
    enter,
    leave,
)
from app.framework.websockets.socket import Socket

_EVERYBODY: tuple[str | None, ...] = (None,)
_NOBODY: Mapping[str, Connection] = {}


class PendingLink(Protocol):
    """What a socket that is being admitted is here."""

    namespace: str
    socket: Socket

    @property
    def wanted(self) -> AbstractSet[str]:
        """The rooms that it will be in."""


class RoomManager(socketio.AsyncManager):
    """Who is in which room. Only admitted sockets are there, so only they are ever sent to.

    A socket's own room is not stored: its id is looked up among all sockets of the namespace.

    Attributes:
        pending: The links of who is being admitted: `sockets` has to find them, or who is taken
            out of a room just then would come into it all the same.
    """

    rooms: dict[str, dict[str | None, RecipientGroup[Connection]]]
    """By namespace and name; the one without a name has everybody."""

    def __init__(self, outbox: WriteBatcher) -> None:
        super().__init__()
        self._outbox = outbox
        self.pending: set[PendingLink] = set()

    def admit(self, sid: str, namespace: str, connection: Connection, rooms: Iterable[str]) -> None:
        """Enter a socket: into the namespace and ``rooms``. Never waits."""
        self._enter(sid, namespace, None, connection)
        for room in rooms:
            self.basic_enter_room(sid, namespace, room)

    def broadcast(
        self,
        namespace: str,
        rooms: frozenset[str],
        except_rooms: frozenset[str],
        event: str,
        args: tuple[Any, ...],
        *,
        volatile: bool = False,
    ) -> None:
        """Encode once; queue for who is in any of ``rooms`` (none: all) and in no other.

        What is volatile does not wait for those who do not read.
        """
        audiences = self.rooms.get(namespace)
        if audiences is None:
            return
        excluded: set[Recipient] = set()
        for room in except_rooms:
            excluded.update(self._members(namespace, room).values())
        stalled = self._outbox.stalled if volatile else None
        names = rooms or _EVERYBODY
        if len(names) == 1:
            (name,) = names
            audience = audiences.get(name)
            if audience is not None:
                if stalled:  # only this room's: each one that is excluded costs a flush something
                    excluded.update(stalled.intersection(audience.members.values()))
                frame = frames.text(packets.event(namespace, event, args))
                self._outbox.broadcast(audience, frame, excluded)
                return
        recipients = self._found(namespace, names) - excluded
        if stalled:
            recipients -= stalled
        if recipients:
            frame = frames.text(packets.event(namespace, event, args))
            for recipient in recipients:
                recipient.send(frame)

    def sockets(
        self, namespace: str, rooms: frozenset[str], except_rooms: frozenset[str]
    ) -> tuple[Socket, ...]:
        """Who is, or will be once admitted, in any of ``rooms`` (none: all) and in no other.

        Costs the members of ``rooms``, and the sockets that are being admitted, however large the
        rooms in ``except_rooms`` are.
        """
        found = self._found(namespace, rooms or _EVERYBODY)
        excluded = [self._members(namespace, room) for room in except_rooms]
        admitted = [
            socket
            for socket in (each.links[namespace].socket for each in found)
            if not any(socket.id in members for members in excluded)
        ]
        pending = [
            link.socket
            for link in self.pending
            if link.namespace == namespace
            and not (rooms and link.wanted.isdisjoint(rooms))
            and link.wanted.isdisjoint(except_rooms)
        ]
        return (*admitted, *pending)

    async def emit(
        self,
        event: str,
        data: Any,
        namespace: str,
        room: str | list[str] | None = None,
        skip_sid: str | list[str] | None = None,
        callback: Any = None,
        to: str | list[str] | None = None,
        **kwargs: Any,
    ) -> None:
        """python-socketio's own ``emit``, by way of `broadcast`; with a callback, the library's."""
        target = to or room
        if callback is not None:
            await super().emit(event, data, namespace, target, skip_sid, callback, **kwargs)
            return
        args = data if isinstance(data, tuple) else () if data is None else (data,)
        self.broadcast(namespace, _names(target), _names(skip_sid), event, args)

    def basic_enter_room(
        self,
        sid: str,
        namespace: str,
        room: str | None,
        eio_sid: str | None = None,  # noqa: ARG002 - the library's form
    ) -> None:
        """Enter one room.

        Raises:
            ValueError: The socket is not admitted, or the room is another one's own.
        """
        connection = self._everybody(namespace).get(sid)
        if connection is None:
            raise ValueError("sid is not connected to requested namespace")
        if room == sid:
            return
        if self.is_sid_room(namespace, room):
            raise ValueError("cannot enter a sid room")
        self._enter(sid, namespace, room, connection)

    def basic_leave_room(self, sid: str, namespace: str, room: str | None) -> None:
        """Leave one room; harmless when the socket is not in it."""
        audience = self.rooms.get(namespace, {}).get(room)
        connection = None if audience is None else audience.members.get(sid)
        if audience is not None and connection is not None:
            self._remove(sid, namespace, audience)

    def basic_disconnect(self, sid: str, namespace: str, **_: Any) -> None:
        """Leave every room, in time linear in the socket's own rooms."""
        connection = self._everybody(namespace).get(sid)
        self.callbacks.pop(sid, None)
        if connection is None:
            return
        rooms = self.rooms[namespace]
        for audience in [each for each in connection.audiences if rooms.get(each.name) is each]:
            self._remove(sid, namespace, audience)

    def get_rooms(self, sid: str, namespace: str) -> list[str]:
        """The socket's rooms, its own included."""
        connection = self._everybody(namespace).get(sid)
        if connection is None:
            return []
        rooms = self.rooms[namespace]
        names = [each.name for each in connection.audiences if rooms.get(each.name) is each]
        return [sid, *(name for name in names if name is not None)]

    def get_participants(
        self, namespace: str, room: str | list[str] | None
    ) -> Iterator[tuple[str, str]]:
        """Socket and connection ids of who is in any of these rooms."""
        members = self._found(namespace, _names(room) or _EVERYBODY)
        yield from [(each.links[namespace].sid, each.sid) for each in members]

    def is_connected(self, sid: str, namespace: str) -> bool:
        """Whether the socket is admitted and has not left."""
        return sid in self._everybody(namespace)

    def is_sid_room(self, namespace: str, room: str | None) -> bool:
        """Whether this is some socket's own room."""
        return room in self._everybody(namespace)

    def eio_sid_from_sid(self, sid: str, namespace: str) -> str | None:
        """The id of a socket's connection."""
        connection = self._everybody(namespace).get(sid)
        return None if connection is None else connection.sid

    def _everybody(self, namespace: str) -> Mapping[str, Connection]:
        audience = self.rooms.get(namespace, {}).get(None)
        return _NOBODY if audience is None else audience.members

    def _members(self, namespace: str, room: str | None) -> Mapping[str, Connection]:
        """The connections in one room, by the id of their socket."""
        audience = self.rooms.get(namespace, {}).get(room)
        if audience is not None:
            return audience.members
        own = None if room is None else self._everybody(namespace).get(room)
        return _NOBODY if own is None or room is None else {room: own}

    def _found(self, namespace: str, rooms: Iterable[str | None]) -> set[Connection]:
        """The connections in any of these rooms."""
        return {each for room in rooms for each in self._members(namespace, room).values()}

    def _enter(self, sid: str, namespace: str, room: str | None, connection: Connection) -> None:
        rooms = self.rooms.setdefault(namespace, {})
        audience = rooms.get(room)
        if audience is None:
            audience = rooms[room] = RecipientGroup(room)
        if sid not in audience.members:
            self._outbox.settle(audience)
            audience.members[sid] = connection
            enter(connection, audience)

    def _remove(self, sid: str, namespace: str, audience: RecipientGroup[Connection]) -> None:
        """Take a member out of a room, and remove the room when it becomes empty."""
        self._outbox.settle(audience)
        leave(audience.members.pop(sid), audience)
        if not audience.members:
            rooms = self.rooms[namespace]
            del rooms[audience.name]
            if not rooms:
                del self.rooms[namespace]


def _names(rooms: str | list[str] | None) -> frozenset[str]:
    if rooms is None:
        return frozenset()
    return frozenset([rooms] if isinstance(rooms, str) else rooms)
