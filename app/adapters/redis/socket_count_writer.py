"""Writes this node's socket counts to Redis in the background."""

import asyncio
import logging
from collections.abc import Callable, Mapping
from contextlib import suppress
from contextvars import Context
from itertools import islice

from redis.asyncio import Redis

from app.adapters.redis.connection import RedisConnection
from app.domain.errors import Unavailable
from app.domain.ids import UserId, new_id
from app.ports import Clock, Timer

HEARTBEAT_SECONDS = 10.0
"""The interval at which a node extends the TTL of its key."""
ALIVE_SECONDS = 30
"""A node counts as alive for this time after its last heartbeat."""
KEPT_SECONDS = 24 * 3_600
"""The TTL of a user's counts in Redis."""
REWRITE_SECONDS = KEPT_SECONDS / 4
"""The interval at which all counts are written again, as sockets may outlive `KEPT_SECONDS`."""
USERS_AT_ONCE = 256
"""The maximum number of users whose counts are written by one call."""
CLOSING_SECONDS = 2.0
"""The maximum time for removing the node's key at shutdown."""

_logger = logging.getLogger(__name__)


class SocketCountWriter:
    """Writes the number of each user's sockets on this node to Redis, into one hash per user.

    Each write contains the absolute count, not a difference, so it also corrects earlier writes
    that were lost or late. A node's counts are valid while the node's key exists; heartbeats extend
    the TTL of this key.

    After a failure, the node's counts in Redis may be wrong. So the node takes a new id and writes
    all counts again under this id. The counts under the old id become invalid, including the counts
    of users who have disconnected meanwhile.

    Args:
        counts: The number of sockets per user on this node. The owner calls `change` after each
            change of a count, unless the owner itself has written the new count to Redis.
        on_outdated: Called for each user whose count changed while it was being written: other
            nodes may have read the old count after the new one. It must return quickly and must
            not raise.

    Attributes:
        node_id: The id under which the node's counts are stored now.
    """

    def __init__(
        self,
        connection: RedisConnection,
        counts: Mapping[UserId, int],
        clock: Clock,
        on_outdated: Callable[[UserId], None],
    ) -> None:
        self._connection = connection
        self._keys = connection.keys
        self._counts = counts
        self._clock = clock
        self._on_outdated = on_outdated
        self.node_id = new_id()
        self._is_registered = False
        self._changed: dict[UserId, None] = {}  # A dict without values serves as an ordered set.
        self._heartbeat_is_due = False
        self._rewrite_at = 0.0
        self._wake_up = asyncio.Event()
        self._on_rewritten: Callable[[], None] = _ignore
        self._timer: Timer | None = None
        self._task: asyncio.Task[None] | None = None
        connection.on_reconnected(self._start_again)

    def change(self, user_id: UserId) -> None:
        """Schedule a write of the user's count, which may differ from the count in Redis."""
        # Before the node is registered, nothing needs scheduling: `_register` schedules all counts.
        if self._is_registered:
            self._changed[user_id] = None
            self._wake_up.set()

    def when_rewritten(self, on_rewritten: Callable[[], None]) -> None:
        """Set the only listener, which is called when Redis may have lost the node's data.

        It is called after the node has registered again. The listener must return quickly and
        must not raise.
        """
        self._on_rewritten = on_rewritten

    def send_heartbeat(self) -> None:
        """Schedule a heartbeat now, because the node's key was missing in Redis."""
        self._heartbeat_is_due = True
        self._wake_up.set()

    async def open(self) -> None:
        """Register the node in Redis, now or as soon as Redis answers, and start writing."""
        with suppress(Unavailable):
            await self._register()
        self._timer = self._clock.call_later(HEARTBEAT_SECONDS, self._tick)
        self._task = asyncio.create_task(
            self._keep_written(), name="socket-count-writer", context=Context()
        )

    async def close(self) -> None:
        """Stop writing, and remove the node's key from Redis within `CLOSING_SECONDS`.

        This makes the node's counts invalid. The node's id stays in the set of nodes, until another
        node has settled the presence of its users.
        """
        if self._task is None or self._timer is None:
            return
        self._timer.cancel()
        self._task.cancel()
        await asyncio.wait([self._task])
        self._is_registered = False
        with suppress(Unavailable, TimeoutError):
            async with asyncio.timeout(CLOSING_SECONDS):
                await self._connection.run(self._unregister)

    def _tick(self) -> None:
        self._timer = self._clock.call_later(HEARTBEAT_SECONDS, self._tick)
        self.send_heartbeat()

    def _start_again(self) -> None:
        self._lose()
        self._wake_up.set()

    async def _keep_written(self) -> None:
        while True:
            await self._wake_up.wait()
            self._wake_up.clear()
            try:
                if not self._is_registered:
                    await self._register()
                elif self._heartbeat_is_due:
                    await self._send_heartbeat()
                await self._write_batch()
            except Unavailable:
                self._lose()
            except Exception:
                _logger.exception("the numbers of sockets could not be written to Redis")
                self._lose()
            else:
                # Write one batch per iteration, so that many changes do not delay the heartbeat.
                if self._changed:
                    self._wake_up.set()

    def _lose(self) -> None:
        """Mark the node as unregistered. The next heartbeat or reconnection registers it again."""
        self._is_registered = False
        self._changed.clear()

    async def _register(self) -> None:
        """Register the node with a new id, remove its old id, and schedule writing every count."""
        old, new = self._keys.node_alive(self.node_id), new_id()

        async def command(redis: Redis) -> None:
            await redis.set(self._keys.node_alive(new), 1, ex=ALIVE_SECONDS)
            await redis.sadd(self._keys.nodes(), new)
            await redis.delete(old)

        await self._connection.run(command)
        self.node_id = new
        self._is_registered = True
        self._change_all()
        self._on_rewritten()

    async def _send_heartbeat(self) -> None:
        node_id = self.node_id
        key = self._keys.node_alive(node_id)

        async def command(redis: Redis) -> bool:
            if await redis.expire(key, ALIVE_SECONDS):
                return True
            await redis.set(key, 1, ex=ALIVE_SECONDS)
            await redis.sadd(self._keys.nodes(), node_id)
            return False

        was_alive = await self._connection.run(command)
        self._heartbeat_is_due = False
        # If the key was missing, write all counts again: Redis may have lost its data, or other
        # nodes may have removed this node's counts.
        if not was_alive or self._clock.monotonic() >= self._rewrite_at:
            self._change_all()
        if not was_alive:
            self._on_rewritten()

    def _change_all(self) -> None:
        self._rewrite_at = self._clock.monotonic() + REWRITE_SECONDS
        self._changed |= dict.fromkeys(self._counts)

    async def _write_batch(self) -> None:
        batch = {
            user_id: self._counts.get(user_id, 0)
            for user_id in islice(self._changed, USERS_AT_ONCE)
        }
        if not batch:
            return
        for user_id in batch:
            del self._changed[user_id]
        await self._connection.run_script(
            "write_sockets",
            [self._keys.sockets_of_user(user_id) for user_id in batch],
            self.node_id,
            KEPT_SECONDS,
            *batch.values(),
        )
        for user_id, count in batch.items():
            # If the count changed during the call, the call may have overwritten the new count in
            # Redis, so write the count again.
            if self._counts.get(user_id, 0) != count:
                self.change(user_id)
                self._on_outdated(user_id)

    async def _unregister(self, redis: Redis) -> None:
        await redis.delete(self._keys.node_alive(self.node_id))


def _ignore() -> None:
    pass
