"""Moves the sockets of users between rooms, on this node."""

from collections.abc import Collection, Mapping
from typing import Protocol, runtime_checkable

from app.domain.ids import SocketId, UserId


@runtime_checkable
class SocketRooms(Protocol):
    """The sockets of this node by room, including sockets that are still connecting.

    No method waits, and none sends anything to clients. An event that was published before a move
    still goes to the sockets that were in the room at that time.
    """

    def users_in(self, room: str) -> frozenset[UserId]:
        """Return the users who have a socket in the room."""
        ...

    def join(self, user_ids: Collection[UserId], room: str) -> Mapping[SocketId, UserId]:
        """Add every socket of these users to the room; return the sockets added, by user."""
        ...

    def leave(self, user_ids: Collection[UserId], room: str) -> Mapping[SocketId, UserId]:
        """Remove every socket of these users from the room; return the sockets removed, by user."""
        ...
