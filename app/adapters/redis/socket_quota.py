"""Sockets per user, over all nodes."""

from app.adapters.redis import keys
from app.adapters.redis.connection import RedisConnection
from app.adapters.redis.socket_count_writer import KEPT_SECONDS, SocketCountWriter
from app.domain.errors import Unavailable
from app.domain.ids import UserId
from app.ports import Clock, SocketQuota


class RedisSocketQuota(SocketQuota):
    """Counts this node's sockets itself, and asks Redis for those of the others.

    What this node counts is right; what Redis holds of it follows (`SocketCountWriter`). While
    Redis does not answer, a node admits by its own count.

    Args:
        connection: To the Redis that the nodes share.
        max_sockets: Of one user.
        clock: Times the heartbeat.
    """

    def __init__(self, connection: RedisConnection, max_sockets: int, clock: Clock) -> None:
        self._connection = connection
        self._max_sockets = max_sockets
        self._counts: dict[UserId, int] = {}
        self._writer = SocketCountWriter(connection, self._counts, clock)

    async def acquire(self, user_id: UserId) -> bool:
        """Count one more socket, unless the user has the maximum."""
        count = self._counts.get(user_id, 0) + 1
        if count > self._max_sockets:
            return False
        # Before anything is waited for, as others take and release meanwhile.
        self._counts[user_id] = count
        try:
            is_taken = await self._ask(user_id, count)
        except Unavailable:
            # It may have been written, or not: the writer makes it so.
            self._writer.change(user_id)
            return True
        except BaseException:
            self.release(user_id)
            raise
        if not is_taken:
            self.release(user_id)
        elif self._counts.get(user_id) != count:
            # Of two counts that were on their way Redis may hold the older.
            self._writer.change(user_id)
        return is_taken

    def release(self, user_id: UserId) -> None:
        """Give one back; Redis is told in the background."""
        count = self._counts.pop(user_id) - 1
        if count:
            self._counts[user_id] = count
        self._writer.change(user_id)

    async def on_module_init(self) -> None:
        """Make this node known to the others."""
        await self._writer.open()

    async def on_application_shutdown(self, _signal: str | None) -> None:
        """No socket is left: take this node out of Redis."""
        await self._writer.close()

    async def _ask(self, user_id: UserId, count: int) -> bool:
        """Write the count, if with those of the other nodes it is within the maximum."""
        answer = await self._connection.run_script(
            "take_socket",
            [keys.sockets_of_user(user_id)],
            self._writer.node_id,
            count,
            self._max_sockets,
            KEPT_SECONDS,
            keys.node_prefix(),
        )
        return answer == 1
