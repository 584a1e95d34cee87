"""Limits the number of a user's simultaneous sockets over all nodes."""

from typing import Protocol, runtime_checkable

from app.domain.ids import UserId


@runtime_checkable
class SocketQuota(Protocol):
    """Counts sockets per user up to a maximum.

    While nodes cannot share their counts, each node counts its own sockets, so no method raises
    `Unavailable`. `MemorySocketQuota` and `RedisSocketQuota` implement this port.
    """

    async def acquire(self, user_id: UserId) -> bool:
        """Count one more socket and return True, or return False if the user has the maximum.

        After True, the caller must call `release` once. A cancelled call does not change the count.
        """
        ...

    def release(self, user_id: UserId) -> None:
        """Subtract one socket. Other nodes may count the socket a moment longer."""
        ...
