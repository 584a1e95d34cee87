"""`RedisCluster`: the nodes that share a Redis server."""

from dataclasses import dataclass

from app.framework.redis_adapter.redis_bus import RedisBus
from app.framework.redis_adapter.sharded_adapter import (
    ShardedAdapter,
    SubscriptionMode,
)
from app.framework.websockets.broadcast import Hub


@dataclass(frozen=True, slots=True)
class RedisCluster:
    """Connects the servers of one application to the other nodes; see `create_sharded_adapter`.

    An instance belongs to one application.
    """

    bus: RedisBus
    channel_prefix: str
    subscription_mode: SubscriptionMode

    def create_adapter(self, hub: Hub) -> ShardedAdapter:
        """Create the cluster adapter of a namespace."""
        return ShardedAdapter(hub, self.bus, self.channel_prefix, self.subscription_mode)

    async def open(self) -> None:
        """Connect; if Redis does not answer, connecting continues in the background."""
        await self.bus.open()

    async def close(self) -> None:
        """Close the connections."""
        await self.bus.close()


def create_sharded_adapter(
    url: str,
    *,
    channel_prefix: str = "socket.io",
    subscription_mode: SubscriptionMode = "dynamic",
) -> RedisCluster:
    """Socket.IO's ``createShardedAdapter``, for Redis 7 or Valkey.

    ``IoOptions(cluster=create_sharded_adapter("redis://127.0.0.1:6379"))`` connects the gateways to
    all nodes that use the same Redis server and prefix, including servers in Node.js.

    Args:
        url: ``redis://[[user]:password@]host[:port][/db]``.
        channel_prefix: The beginning of the names of all channels.
        subscription_mode: With ``dynamic``, a node receives only the events for its rooms.

    Raises:
        BootError: The URL is invalid.
    """
    return RedisCluster(RedisBus(url), channel_prefix, subscription_mode)
