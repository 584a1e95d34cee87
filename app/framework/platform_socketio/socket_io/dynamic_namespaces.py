"""`DynamicNamespace`: namespaces by pattern, such as ``/rooms/:id``.

The class is the counterpart of Node's ``ParentNamespace``.
"""

import re
from collections.abc import Mapping
from typing import Any

from app.framework.platform_socketio.socket_io.namespace import CompiledNamespace
from app.framework.platform_socketio.socket_io.rooms import NamespaceRooms, RoomOwner
from app.framework.platform_socketio.websocket.write_batcher import WriteBatcher
from app.framework.websockets.broadcast import Hub
from app.framework.websockets.socket import Socket
from app.framework.websockets.socket_api.middleware import Middleware
from app.framework.websockets.socket_api.server_events import ServerEvents


class DynamicNamespace:
    """All namespaces whose names match a pattern; a broadcast is sent to all of them.

    A namespace opens when its first socket connects, and closes when its last socket disconnects.
    Thus the names that clients choose do not fill the memory.

    Attributes:
        namespace: The pattern as text.
        children: The open namespaces by name.
    """

    params: Mapping[str, str] = {}

    def __init__(
        self,
        namespace: str,
        pattern: re.Pattern[str],
        compiled: CompiledNamespace,
        owner: RoomOwner,
        batcher: WriteBatcher,
    ) -> None:
        self.namespace = namespace
        self.pattern = pattern
        self.compiled = compiled
        self.owner = owner
        self.children: dict[str, NamespaceRooms] = {}
        self._batcher = batcher
        """Writes frames to the members of rooms."""
        self._middlewares: tuple[Middleware, ...] = ()
        """The middlewares of every child."""
        self.server_events = ServerEvents()
        """The listeners of every child for events of other servers."""
        self.cluster = None
        """Always None: each child reaches its own namespace on the other nodes."""

    def open(self, name: str) -> NamespaceRooms | None:
        """Return the namespace of this name, or None if the name does not match the pattern.

        Opens the namespace if it is not open.
        """
        child = self.children.get(name)
        if child is not None:
            return child
        match = self.pattern.fullmatch(name)
        if match is None:
            return None
        child = _ChildRooms(name, self._batcher, self, match)
        for middleware in self._middlewares:
            child.use(middleware)
        self.children[name] = self.owner.rooms[name] = child
        child.open()
        return child

    def find_closed(self, name: str) -> Hub | None:
        """Return a namespace without sockets, or None if the name does not match the pattern.

        Events that are emitted to this namespace have no recipients on this node. The namespace is
        not stored, so the names cannot fill the memory.
        """
        match = self.pattern.fullmatch(name)
        return None if match is None else _ClosedRooms(name, self._batcher, self, match)

    def close(self, name: str) -> None:
        """Remove an empty namespace."""
        child = self.children.pop(name, None)
        self.owner.rooms.pop(name, None)
        if child is not None and child.cluster is not None:
            child.cluster.close()

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
        """See `Hub.broadcast`."""
        for child in tuple(self.children.values()):  # a copy: a disconnect may close a child
            child.broadcast(rooms, except_rooms, event, args, volatile=volatile, local=local)

    def sockets(self, rooms: frozenset[str], except_rooms: frozenset[str]) -> tuple[Socket, ...]:
        """See `Hub.sockets`."""
        children = self.children.values()
        return tuple(each for child in children for each in child.sockets(rooms, except_rooms))

    def has_sockets(self, room: str) -> bool:
        """See `Hub.has_sockets`."""
        return any(child.has_sockets(room) for child in self.children.values())

    @property
    def socket_count(self) -> int:
        """See `Hub.socket_count`."""
        return sum(child.socket_count for child in self.children.values())

    @property
    def clients_count(self) -> int:
        """See `Hub.clients_count`."""
        return self.owner.clients_count

    def of(self, namespace: str) -> Hub:
        """See `Server.of`."""
        return self.owner.find_hub(namespace)

    def use(self, middleware: Middleware) -> None:
        """See `Server.use`."""
        self._middlewares = (*self._middlewares, middleware)
        for child in self.children.values():
            child.use(middleware)


class _ChildRooms(NamespaceRooms):
    """One namespace of a `DynamicNamespace`."""

    def __init__(
        self,
        namespace: str,
        batcher: WriteBatcher,
        parent: DynamicNamespace,
        match: re.Match[str],
    ) -> None:
        super().__init__(namespace, batcher, parent.owner)
        self.params = match.groupdict("")
        self.server_events = parent.server_events
        self._parent = parent
        """The `DynamicNamespace` that has created this namespace."""

    def remove_socket(self, sid: str) -> None:
        """Remove a socket; if it was the last socket, close the namespace."""
        super().remove_socket(sid)
        self.close_if_empty()

    def close_if_empty(self) -> None:
        """Close the namespace if it has no sockets, not even sockets that are connecting."""
        if not self.socket_count:
            self._parent.close(self.namespace)


class _ClosedRooms(_ChildRooms):
    """A namespace without sockets, for code that emits to it by name."""

    def use(self, middleware: Middleware) -> None:
        """Raise ValueError: a socket that connects later would not run the middleware."""
        del middleware
        raise ValueError(
            f"the namespace {self.namespace} is not open; register the middleware for "
            "all namespaces of the gateway, in after_init"
        )
