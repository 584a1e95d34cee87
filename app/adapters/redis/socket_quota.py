"""Limits sockets per user over all nodes."""

from collections.abc import Callable

from app.adapters.redis.connection import RedisConnection
from app.adapters.redis.socket_count_writer import KEPT_SECONDS, SocketCountWriter
from app.domain.errors import Unavailable
from app.domain.ids import UserId
from app.ports import Clock, SocketQuota


class RedisSocketQuota(SocketQuota):
    """Counts the sockets of this node in memory, and reads the counts of other nodes from Redis.

    This node's counts in memory are exact, and `SocketCountWriter` copies them to Redis. While
    Redis does not answer, the limit applies to this node's sockets alone.

    Attributes:
        counts: The number of sockets on this node, by user. Read-only for others.
        writer: Copies the counts to Redis.
    """

    def __init__(self, connection: RedisConnection, max_sockets: int, clock: Clock) -> None:
        self._connection = connection
        self._keys = connection.keys
        self._max_sockets = max_sockets
        self.counts: dict[UserId, int] = {}
        self._on_left: Callable[[UserId], None] = _ignore
        self.writer = SocketCountWriter(connection, self.counts, clock, self._settle)

    def when_left(self, on_left: Callable[[UserId], None]) -> None:
        """Set the only listener, which is called when a user's last socket was released.

        It is also called when other nodes may have read an old count. The listener must return
        quickly and must not raise.
        """
        self._on_left = on_left

    async def acquire(self, user_id: UserId) -> bool:
        count = self.counts.get(user_id, 0) + 1
        if count > self._max_sockets:
            return False
        # Count before the await, because concurrent calls may acquire and release meanwhile.
        self.counts[user_id] = count
        try:
            is_acquired = await self._acquire_in_redis(user_id, count)
        except Unavailable:
            # The count may be missing in Redis, so write it again.
            self.writer.change(user_id)
            return True
        except BaseException:
            self.release(user_id)
            raise
        if not is_acquired:
            self.release(user_id)
        elif self.counts.get(user_id) != count:
            # Concurrent writes may arrive at Redis in any order, so write the latest count again.
            self.writer.change(user_id)
        return is_acquired

    def release(self, user_id: UserId) -> None:
        count = self.counts.pop(user_id) - 1
        if count:
            self.counts[user_id] = count
        else:
            self._on_left(user_id)
        self.writer.change(user_id)

    async def on_module_init(self) -> None:
        """Register this node in Redis."""
        await self.writer.open()

    async def before_application_shutdown(self, _signal: str | None) -> None:
        """Remove this node from Redis, before its sockets are closed.

        Then the users can connect to another node at once, and stay online meanwhile.
        """
        await self.writer.close()

    def _settle(self, user_id: UserId) -> None:
        self._on_left(user_id)

    async def _acquire_in_redis(self, user_id: UserId, count: int) -> bool:
        answer = await self._connection.run_script(
            "take_socket",
            [self._keys.sockets_of_user(user_id)],
            self.writer.node_id,
            count,
            self._max_sockets,
            KEPT_SECONDS,
            self._keys.node_prefix(),
        )
        return answer == 1


def _ignore(_: UserId) -> None:
    pass
