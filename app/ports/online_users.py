"""Stores which users are online on any node, and which changes must still be published."""

from collections.abc import AsyncIterator, Callable, Collection, Mapping
from typing import Protocol, runtime_checkable

from app.domain.ids import UserId


@runtime_checkable
class OnlineUsers(Protocol):
    """Remembers for each user which presence was published last, for all nodes together.

    A user is online while a living node counts a socket of the user in its `SocketQuota`.
    `MemoryOnlineUsers` and `RedisOnlineUsers` implement this port.
    """

    async def among(self, user_ids: Collection[UserId]) -> frozenset[UserId]:
        """Return the online users, by the presence that was published last or is being published.

        Raises:
            Unavailable: The nodes cannot share their data.
        """
        ...

    async def settle(
        self, user_ids: Collection[UserId], *, again: bool = False
    ) -> Mapping[UserId, bool]:
        """Return the new presence of each user that the caller must publish: True means online.

        Compares each user's sockets on all nodes with the presence that was published last. This is
        atomic, so each change is returned to one node only. While that node has not published it,
        no other node receives a change of the same user; therefore clients receive the changes of
        a user in order. The caller must call `settle` for the user again after publishing, which
        also detects changes that happened meanwhile.

        Args:
            again: Whether to return the presence of a user even if it has not changed. Use it for
                users whose last change may not have reached the clients.

        Raises:
            Unavailable: Nothing was decided, or the decision is unknown; call again with the same
                users and ``again=True``.
        """
        ...

    def abandoned(self) -> AsyncIterator[Collection[UserId]]:
        """Yield batches of users to `settle`, because a node with sockets of users has stopped.

        Yields nothing if no node has stopped, or if another node is doing this. If the caller
        does not receive all batches, a later call starts again.

        Raises:
            Unavailable: The nodes cannot share their data.
        """
        ...

    def listen(
        self,
        on_left: Callable[[UserId], None],
        on_reset: Callable[[Collection[UserId]], None],
    ) -> None:
        """Set the only listeners, which must return quickly and must not raise.

        Args:
            on_left: Called when the last socket of a user on this node was released, and when other
                nodes may have read an old number of the user's sockets.
            on_reset: Called when the shared data may have been lost, with the users who have
                sockets on this node.
        """
        ...
