"""python-socketio's manager with what it lacks: fan-out without tasks, and rooms by socket.

Overrides of python-socketio 5.18's `AsyncManager`: ``emit`` (it starts a task per recipient, so
frames may overtake each other), ``basic_enter_room``, ``basic_leave_room``, ``basic_disconnect``
and ``get_rooms`` (they look through every room there is).
"""

from collections.abc import Iterable, Mapping
from typing import Any

import socketio

from app.framework.transport import packets
from app.framework.transport.connection import Connection


class RoomManager(socketio.AsyncManager):
    """Who is in which room. Only admitted sockets are here, so only they are ever sent to."""

    def __init__(self) -> None:
        super().__init__()
        self.connections: Mapping[str, Connection] = {}
        """By Engine.IO id; the server that owns them sets it."""
        self._rooms_of: dict[tuple[str, str], set[str]] = {}

    def admit(self, sid: str, namespace: str, eio_sid: str, rooms: Iterable[str]) -> None:
        """Enter a socket: into the namespace, its own room, and ``rooms``. Never waits."""
        for room in (None, sid, *rooms):
            self.basic_enter_room(sid, namespace, room, eio_sid=eio_sid)

    def broadcast(
        self,
        namespace: str,
        rooms: frozenset[str],
        except_rooms: frozenset[str],
        event: str,
        args: tuple[Any, ...],
    ) -> None:
        """Encode once; queue for who is in any of ``rooms`` (none: all) and in no other."""
        if namespace not in self.rooms:
            return
        excluded = {sid for room in except_rooms for sid in self._members(namespace, room)}
        recipients = {
            sid: eio_sid
            for room in rooms or (None,)
            for sid, eio_sid in self._members(namespace, room).items()
            if sid not in excluded
        }
        if not recipients:
            return
        payload = packets.event(namespace, event, args)
        for eio_sid in recipients.values():
            self.connections[eio_sid].push(payload)

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
        self, sid: str, namespace: str, room: str | None, eio_sid: str | None = None
    ) -> None:
        """As the library's, and remembered for the socket."""
        super().basic_enter_room(sid, namespace, room, eio_sid=eio_sid)
        if room is not None:
            self._rooms_of.setdefault((namespace, sid), set()).add(room)

    def basic_leave_room(self, sid: str, namespace: str, room: str | None) -> None:
        """As the library's, and forgotten for the socket."""
        super().basic_leave_room(sid, namespace, room)
        if room is not None:
            self._rooms_of.get((namespace, sid), set()).discard(room)

    def basic_disconnect(self, sid: str, namespace: str, **_: Any) -> None:
        """Leave every room; costs the socket's own rooms, not all there are."""
        for room in (*self._rooms_of.pop((namespace, sid), ()), None):
            super().basic_leave_room(sid, namespace, room)
        self.callbacks.pop(sid, None)

    def get_rooms(self, sid: str, namespace: str) -> list[str]:
        """The socket's rooms, its own included."""
        return list(self._rooms_of.get((namespace, sid), ()))

    def _members(self, namespace: str, room: str | None) -> Mapping[str, str]:
        """Socket id to connection id."""
        members: Mapping[str, str] = self.rooms.get(namespace, {}).get(room, {})
        return members


def _names(rooms: str | list[str] | None) -> frozenset[str]:
    if rooms is None:
        return frozenset()
    return frozenset([rooms] if isinstance(rooms, str) else rooms)
