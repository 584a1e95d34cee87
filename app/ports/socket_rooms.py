"""Who is in which room, on this node: for services that move users between rooms."""

from collections.abc import Collection, Mapping
from typing import Protocol, runtime_checkable

from app.domain.ids import SocketId, UserId


@runtime_checkable
class SocketRooms(Protocol):
    """The sockets of this node, those being admitted included, by the rooms they are in.

    Nothing waits, and nothing is told to the clients. What was sent to a room before is for those
    who were in it then.
    """

    def users_in(self, room: str) -> frozenset[UserId]:
        """Who has a socket in the room."""
        ...

    def join(self, user_ids: Collection[UserId], room: str) -> Mapping[SocketId, UserId]:
        """Have every socket of these users join the room; those that were not in it, and whose."""
        ...

    def leave(self, user_ids: Collection[UserId], room: str) -> Mapping[SocketId, UserId]:
        """Have every socket of these users leave the room; those that were in it, and whose."""
        ...
