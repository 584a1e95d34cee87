"""`PlainClusterBus`: publishes and receives through the plain channels of a Redis Cluster."""

import asyncio
from typing import Any

from redis.exceptions import RedisError

from app.framework.redis_adapter.channels import Channel
from app.framework.redis_adapter.redis_bus import RedisBus
from app.framework.redis_adapter.servers.redis_connection import ANSWER_SECONDS
from app.framework.redis_adapter.servers.redis_connections import RedisConnections
from app.framework.redis_adapter.servers.redis_servers import connection_to
from app.framework.redis_adapter.servers.redis_url import Address, RedisUrl
from app.framework.redis_adapter.servers.slot_map import SlotMap


class PlainClusterBus(RedisBus):
    """Connects to any one server, because each server passes messages on to the others.

    If the connection is lost, the next one is to another server.
    """

    def __init__(self, url: RedisUrl) -> None:
        connection_class, options = connection_to(url)
        super().__init__(RedisConnections(connection_class, options))
        self._url = url
        self._slots: SlotMap = options["slots"]

    async def count_other_nodes(self, channel: Channel) -> int:
        """See `RedisBus.count_other_nodes`. Ignores servers that do not answer."""
        await self.confirm_subscriptions()
        counts = await asyncio.gather(
            *(self._count(each, channel) for each in self._slots.servers), return_exceptions=True
        )
        nodes = [each for each in counts if isinstance(each, int)]
        if not nodes:
            raise ConnectionError("the Redis Cluster does not answer")
        return sum(nodes) - (channel in self._receivers)

    async def _count(self, server: Address, channel: Channel) -> int:
        connection: Any = self._url.connection_class(**self._slots.options_of(server))
        try:
            async with asyncio.timeout(ANSWER_SECONDS):
                await connection.send_command("PUBSUB", channel.numsub, channel.name)
                _, nodes = await connection.read_response()
        except (OSError, RedisError) as error:
            raise ConnectionError(f"{server} does not answer") from error
        finally:
            await connection.disconnect(nowait=True)
        return int(nodes)
