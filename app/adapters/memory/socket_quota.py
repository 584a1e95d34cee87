"""Limits sockets per user on this node."""

from app.domain.ids import UserId
from app.ports import SocketQuota


class MemorySocketQuota(SocketQuota):
    """Counts sockets per user. A user without sockets takes no memory."""

    def __init__(self, max_sockets: int) -> None:
        self._max_sockets = max_sockets
        self._counts: dict[UserId, int] = {}

    async def take(self, user_id: UserId) -> bool:
        """Count one more socket unless the user has the maximum."""
        count = self._counts.get(user_id, 0)
        if count >= self._max_sockets:
            return False
        self._counts[user_id] = count + 1
        return True

    def release(self, user_id: UserId) -> None:
        """Count one socket less."""
        count = self._counts.pop(user_id) - 1
        if count:
            self._counts[user_id] = count
