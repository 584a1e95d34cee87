"""Remembers in Redis which users are online on any node."""

from collections.abc import AsyncIterator, Callable, Collection, Mapping, Sequence

from redis.asyncio import Redis

from app.adapters.redis.connection import RedisConnection
from app.adapters.redis.keys import user_field, user_of_field
from app.adapters.redis.socket_count_writer import KEPT_SECONDS, USERS_AT_ONCE
from app.adapters.redis.socket_quota import RedisSocketQuota
from app.domain.errors import Unavailable
from app.domain.ids import UserId
from app.ports import OnlineUsers

READ_AT_ONCE = 1_000
"""The maximum number of users whose presence is read by one call."""
MAX_BATCH_SECONDS = 60
"""The maximum time between two batches of a sweep.

After this time, the sweep counts as failed, and another node may begin one.
"""


class RedisOnlineUsers(OnlineUsers):
    """Decides who is online by the counts of all nodes in Redis and this node's counts in memory.

    A hash in Redis contains the published presence of each user who is online. A node that stops
    leaves its id in the set of nodes. `abandoned` finds such ids, scans the hash, and removes them.
    """

    def __init__(self, connection: RedisConnection, socket_quota: RedisSocketQuota) -> None:
        self._connection = connection
        self._keys = connection.keys
        self._socket_quota = socket_quota
        self._counts = socket_quota.counts
        self._writer = socket_quota.writer
        self._missing_nodes: frozenset[bytes] = frozenset()
        self._stopped_nodes: frozenset[bytes] = frozenset()

    async def among(self, user_ids: Collection[UserId]) -> frozenset[UserId]:
        ordered = tuple(user_ids)
        online: set[UserId] = set()
        for start in range(0, len(ordered), READ_AT_ONCE):
            batch = ordered[start : start + READ_AT_ONCE]
            values = await self._published(batch)
            online.update(
                user_id
                for user_id, value in zip(batch, values, strict=True)
                if value is not None and value[:1] == b"1"
            )
        return frozenset(online)

    async def settle(
        self, user_ids: Collection[UserId], *, again: bool = False
    ) -> Mapping[UserId, bool]:
        if not user_ids:
            return {}
        counts = {user_id: self._counts.get(user_id, 0) for user_id in user_ids}
        arguments: list[bytes | int] = []
        for user_id, count in counts.items():
            arguments += (user_field(user_id), count)
        decisions = await self._connection.run_batch_script(
            "settle_presence",
            [self._keys.presence(), self._keys.nodes(), *map(self._keys.sockets_of_user, counts)],
            self._writer.node_id,
            self._keys.node_prefix(),
            KEPT_SECONDS,
            int(again),
            b" ".join(self._stopped_nodes),
            *arguments,
        )
        for user_id, count in counts.items():
            # If the count changed during the call, the script may have written an old count.
            if self._counts.get(user_id, 0) != count:
                self._writer.change(user_id)
        if not decisions:  # Redis does not contain this node's key.
            self._writer.send_heartbeat()
            raise Unavailable("Redis")
        return {
            user_id: decision == 1
            for user_id, decision in zip(counts, decisions, strict=True)
            if decision
        }

    async def abandoned(self) -> AsyncIterator[Collection[UserId]]:
        """Yield all users with a published presence, if a node was missing in two successive calls.

        In the time between two calls, the users can connect to other nodes, and a node that has
        lost its connection to Redis can write its counts again. Until then, `settle` counts the
        sockets of a missing node.
        """
        missing = await self._connection.run(self._find_missing_nodes)
        earlier, self._missing_nodes = self._missing_nodes, missing
        self._stopped_nodes = stopped = earlier & missing
        if not stopped or not await self._connection.run(self._begin_sweep):
            return
        cursor = 0
        while True:
            cursor, users = await self._scan(cursor)
            # Redis returns a small hash as a whole, whatever the requested number.
            for start in range(0, len(users), USERS_AT_ONCE):
                yield users[start : start + USERS_AT_ONCE]
            if cursor == 0:
                break
        await self._connection.run_script(
            "end_sweep",
            [self._keys.nodes(), self._keys.presence_sweep()],
            self._keys.node_prefix(),
            *stopped,
        )

    def listen(
        self,
        on_left: Callable[[UserId], None],
        on_reset: Callable[[Collection[UserId]], None],
    ) -> None:
        self._socket_quota.when_left(on_left)
        self._writer.when_rewritten(lambda: on_reset(tuple(self._counts)))

    async def _published(self, user_ids: Sequence[UserId]) -> list[bytes | str | None]:
        fields = list(map(user_field, user_ids))

        async def command(redis: Redis) -> list[bytes | str | None]:
            return await redis.hmget(self._keys.presence(), fields)

        return await self._connection.run(command)

    async def _scan(self, cursor: int) -> tuple[int, Sequence[UserId]]:
        async def command(redis: Redis) -> tuple[int, Sequence[UserId]]:
            await redis.expire(self._keys.presence_sweep(), MAX_BATCH_SECONDS)
            following, page = await redis.hscan(self._keys.presence(), cursor, count=USERS_AT_ONCE)
            return following, tuple(map(user_of_field, page))

        return await self._connection.run(command)

    async def _find_missing_nodes(self, redis: Redis) -> frozenset[bytes]:
        """Return the ids of the nodes whose key has expired."""
        # The connection does not decode replies, so the ids are bytes; mypy needs the check.
        node_ids = [
            each for each in await redis.smembers(self._keys.nodes()) if isinstance(each, bytes)
        ]
        if not node_ids:
            return frozenset()
        values = await redis.mget([self._keys.node_prefix() + each for each in node_ids])
        return frozenset(
            each for each, value in zip(node_ids, values, strict=True) if value is None
        )

    async def _begin_sweep(self, redis: Redis) -> bool:
        return bool(await redis.set(self._keys.presence_sweep(), 1, ex=MAX_BATCH_SECONDS, nx=True))
