"""This node's numbers of sockets, written to Redis in the background."""

import asyncio
import logging
from collections.abc import Mapping
from contextlib import suppress
from contextvars import Context
from itertools import islice

from redis.asyncio import Redis

from app.adapters.redis import keys
from app.adapters.redis.connection import RedisConnection
from app.domain.errors import Unavailable
from app.domain.ids import UserId, new_id
from app.ports import Clock, Timer

HEARTBEAT_SECONDS = 10.0
ALIVE_SECONDS = 30
KEPT_SECONDS = 24 * 3_600
REWRITE_SECONDS = KEPT_SECONDS / 4
"""A socket may outlive what is kept of it for a day."""
USERS_AT_ONCE = 256
CLOSING_SECONDS = 2.0

_logger = logging.getLogger(__name__)


class SocketCountWriter:
    """Keeps a hash per user told how many sockets this node has of the user.

    Counts are written as a whole, never as a difference: what was lost or came late is mended by
    the next time. A node counts while its own key is there, which a heartbeat keeps.

    After a failure it cannot be known what Redis holds of this node, so the node comes back under
    a new name, and all its counts with it; the old name is dead. Nothing has to be remembered of
    users who left meanwhile.

    Args:
        connection: To the Redis that the nodes share.
        counts: The sockets of every user who has one here; it changes, and `change` says so.
        clock: Times the heartbeat.

    Attributes:
        node_id: The name under which the node's counts are written now.
    """

    def __init__(
        self, connection: RedisConnection, counts: Mapping[UserId, int], clock: Clock
    ) -> None:
        self._connection = connection
        self._counts = counts
        self._clock = clock
        self.node_id = new_id()
        self._is_known = False
        # A set that keeps its order.
        self._changed: dict[UserId, None] = {}
        self._heartbeat_is_due = False
        self._rewrite_at = 0.0
        self._work = asyncio.Event()
        self._timer: Timer | None = None
        self._task: asyncio.Task[None] | None = None
        connection.on_reconnected(self._begin_anew)

    def change(self, user_id: UserId) -> None:
        """The user's count may be another than the one in Redis: have it written."""
        # Else every count is written when the node gets its new name.
        if self._is_known:
            self._changed[user_id] = None
            self._work.set()

    async def open(self) -> None:
        """Tell Redis the node's name, now or as soon as it answers, and go on writing."""
        with suppress(Unavailable):
            await self._introduce()
        self._timer = self._clock.call_later(HEARTBEAT_SECONDS, self._tick)
        self._task = asyncio.create_task(
            self._keep_written(), name="socket-count-writer", context=Context()
        )

    async def close(self) -> None:
        """Stop; take the node and its counts out of Redis as far as that takes no time.

        Counts that are left there are dead, as is the node.
        """
        if self._task is None or self._timer is None:
            return
        self._timer.cancel()
        self._task.cancel()
        await asyncio.wait([self._task])
        with suppress(Unavailable, TimeoutError):
            async with asyncio.timeout(CLOSING_SECONDS):
                await self._connection.run(self._write_end)
                self._changed |= dict.fromkeys(self._counts)
                self._counts = {}
                while self._changed:
                    await self._write_portion()

    def _tick(self) -> None:
        self._timer = self._clock.call_later(HEARTBEAT_SECONDS, self._tick)
        self._heartbeat_is_due = True
        self._work.set()

    def _begin_anew(self) -> None:
        self._lose()
        self._work.set()

    async def _keep_written(self) -> None:
        while True:
            await self._work.wait()
            self._work.clear()
            try:
                if not self._is_known:
                    await self._introduce()
                elif self._heartbeat_is_due:
                    await self._beat()
                await self._write_portion()
            except Unavailable:
                self._lose()
            except Exception:
                _logger.exception("numbers of sockets could not be written")
                self._lose()
            else:
                # One portion at a time, so that no crowd keeps the heart from beating.
                if self._changed:
                    self._work.set()

    def _lose(self) -> None:
        """The next heartbeat tries again under a new name, or Redis' return does."""
        self._is_known = False
        self._changed.clear()

    async def _introduce(self) -> None:
        """Take a new name and drop the old one; every count is to be written."""
        old, new = keys.node_alive(self.node_id), new_id()

        async def command(redis: Redis) -> None:
            await redis.set(keys.node_alive(new), 1, ex=ALIVE_SECONDS)
            await redis.delete(old)

        await self._connection.run(command)
        self.node_id = new
        self._is_known = True
        self._change_all()

    async def _beat(self) -> None:
        key = keys.node_alive(self.node_id)

        async def command(redis: Redis) -> bool:
            if await redis.expire(key, ALIVE_SECONDS):
                return True
            await redis.set(key, 1, ex=ALIVE_SECONDS)
            return False

        was_alive = await self._connection.run(command)
        self._heartbeat_is_due = False
        # Without the key, others have removed this node's counts, or everything is gone.
        if not was_alive or self._clock.monotonic() >= self._rewrite_at:
            self._change_all()

    def _change_all(self) -> None:
        self._rewrite_at = self._clock.monotonic() + REWRITE_SECONDS
        self._changed |= dict.fromkeys(self._counts)

    async def _write_portion(self) -> None:
        portion = {
            user_id: self._counts.get(user_id, 0)
            for user_id in islice(self._changed, USERS_AT_ONCE)
        }
        if not portion:
            return
        for user_id in portion:
            del self._changed[user_id]
        await self._connection.run_script(
            "write_sockets",
            [keys.sockets_of_user(user_id) for user_id in portion],
            self.node_id,
            KEPT_SECONDS,
            *portion.values(),
        )
        for user_id, count in portion.items():
            # It changed on the way, so which of two counts came last is not known.
            if self._counts.get(user_id, 0) != count:
                self.change(user_id)

    async def _write_end(self, redis: Redis) -> None:
        await redis.delete(keys.node_alive(self.node_id))
