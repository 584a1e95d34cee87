"""How many sockets a user has at once, over all nodes that can tell each other."""

from typing import Protocol, runtime_checkable

from app.domain.ids import UserId


@runtime_checkable
class SocketQuota(Protocol):
    """Counts sockets per user up to a maximum.

    It always answers: while nodes cannot tell each other, a node counts its own.
    """

    async def acquire(self, user_id: UserId) -> bool:
        """Count one more socket, unless the user has the maximum.

        Whoever gets True must `release` it once. A caller that is cancelled has taken nothing.
        """
        ...

    def release(self, user_id: UserId) -> None:
        """Give one back; other nodes may learn of it a moment later."""
        ...
