"""Moves the sockets of users between rooms, on this node."""

from collections.abc import Collection, Mapping
from typing import Protocol, runtime_checkable

from app.domain.ids import SocketId, UserId


@runtime_checkable
class SocketRooms(Protocol):
    """Moves the sockets of this node, including sockets that are still connecting.

    The methods return at once and send no events. An event published before a move is sent to the
    sockets that were in the room at that time.
    """

    def users_in(self, room: str) -> frozenset[UserId]:
        """Return the users who have a socket in the room."""
        ...

    def has_user(self, user_id: UserId, room: str) -> bool:
        """Return whether a socket of the user is in the room."""
        ...

    def is_empty(self, room: str) -> bool:
        """Return whether no socket is in the room."""
        ...

    def join(self, user_ids: Collection[UserId], room: str) -> Mapping[SocketId, UserId]:
        """Add every socket of these users to the room; return each added socket with its user."""
        ...

    def leave(self, user_ids: Collection[UserId], room: str) -> Mapping[SocketId, UserId]:
        """Remove these users' sockets from the room; return each removed socket with its user."""
        ...
