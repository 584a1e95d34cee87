"""Remembers in memory which users are online. There is only one node."""

from collections.abc import AsyncIterator, Callable, Collection, Mapping

from app.adapters.memory.limits import MemorySocketQuota
from app.domain.ids import UserId
from app.ports import OnlineUsers


class MemoryOnlineUsers(OnlineUsers):
    """Compares the counts of a `MemorySocketQuota` with the set of users who are online."""

    def __init__(self, socket_quota: MemorySocketQuota) -> None:
        self._socket_quota = socket_quota
        self._counts = socket_quota.counts
        self._online: set[UserId] = set()

    async def among(self, user_ids: Collection[UserId]) -> frozenset[UserId]:
        return frozenset(self._online.intersection(user_ids))

    async def settle(
        self, user_ids: Collection[UserId], *, again: bool = False
    ) -> Mapping[UserId, bool]:
        changes: dict[UserId, bool] = {}
        for user_id in user_ids:
            is_online = user_id in self._counts
            if again or is_online != (user_id in self._online):
                changes[user_id] = is_online
        self._online.difference_update(user_ids)
        self._online.update(user_id for user_id in user_ids if user_id in self._counts)
        return changes

    async def abandoned(self) -> AsyncIterator[Collection[UserId]]:
        for _ in ():
            yield ()

    def listen(
        self,
        on_left: Callable[[UserId], None],
        on_reset: Callable[[Collection[UserId]], None],
    ) -> None:
        """Set the listener ``on_left``; the memory of a running process is never lost."""
        del on_reset
        self._socket_quota.when_left(on_left)
