"""`RedisNodes`: the nodes that share a Redis server or a Redis Cluster."""

from collections.abc import Callable
from dataclasses import dataclass

from app.framework.redis_adapter.classic_adapter import ClassicAdapter
from app.framework.redis_adapter.cluster_bus import ClusterBus
from app.framework.redis_adapter.plain_cluster_bus import PlainClusterBus
from app.framework.redis_adapter.redis_bus import RedisBus
from app.framework.redis_adapter.servers.redis_connections import RedisConnections, parsed_url
from app.framework.redis_adapter.sharded_adapter import (
    ShardedAdapter,
    SubscriptionMode,
    check_mode,
)
from app.framework.websockets.broadcast import Hub
from app.framework.websockets.socket_api.cluster_adapter import ClusterAdapter


@dataclass(frozen=True, slots=True)
class RedisNodes:
    """Connects the servers of one application to the other nodes.

    `create_adapter` and `create_sharded_adapter` create it. An instance belongs to one application.
    """

    bus: RedisBus | ClusterBus
    create_adapter: Callable[[Hub], ClusterAdapter]

    @property
    def is_connected(self) -> bool:
        """See `Cluster.is_connected`."""
        return self.bus.is_connected

    def when_connected(self, callback: Callable[[], None]) -> None:
        """See `Cluster.when_connected`."""
        self.bus.when_connected(callback)

    async def confirm_subscriptions(self) -> None:
        """See `Cluster.confirm_subscriptions`."""
        await self.bus.confirm_subscriptions()

    async def open(self) -> None:
        """Connect; if Redis does not answer, connecting continues in the background."""
        await self.bus.open()

    async def close(self) -> None:
        """Close the connections."""
        await self.bus.close()


def create_adapter(
    url: str,
    *,
    key: str = "socket.io",
    publish_on_specific_response_channel: bool = False,
) -> RedisNodes:
    """Socket.IO's ``createAdapter``, which most servers in Node.js use, for any Redis or Valkey.

    ``IoOptions(cluster=create_adapter("redis://127.0.0.1:6379"))`` connects the gateways to all
    nodes that use the same Redis server and key, including servers in Node.js, and to programs that
    use ``@socket.io/redis-emitter``. Each node receives all events. Prefer `create_sharded_adapter`
    if all nodes can use it.

    Args:
        url: See `RedisUrl`.
        key: The beginning of the names of all channels.
        publish_on_specific_response_channel: Whether an answer is sent to the asking node only, and
            not to all nodes. Then all nodes must have version 8 of the adapter.

    Raises:
        BootError: The URL is invalid.
    """
    parsed = parsed_url(url)
    bus = PlainClusterBus(parsed) if parsed.is_cluster else RedisBus(RedisConnections.of(url))
    return RedisNodes(
        bus,
        lambda hub: ClassicAdapter(
            hub,
            bus,
            key,
            publish_on_specific_response_channel=publish_on_specific_response_channel,
        ),
    )


def create_sharded_adapter(
    url: str,
    *,
    channel_prefix: str = "socket.io",
    subscription_mode: SubscriptionMode = "dynamic",
) -> RedisNodes:
    """Socket.IO's ``createShardedAdapter``, for Redis 7 or Valkey.

    ``IoOptions(cluster=create_sharded_adapter("redis://127.0.0.1:6379"))`` connects the gateways to
    all nodes that use the same Redis server and prefix, including servers in Node.js.

    Args:
        url: See `RedisUrl`.
        channel_prefix: The beginning of the names of all channels.
        subscription_mode: With ``dynamic``, a node receives only the events for its rooms.

    Raises:
        BootError: The URL or the subscription mode is invalid.
    """
    check_mode(subscription_mode)
    parsed = parsed_url(url)
    bus = ClusterBus(parsed) if parsed.is_cluster else RedisBus(RedisConnections.of(url))
    return RedisNodes(bus, lambda hub: ShardedAdapter(hub, bus, channel_prefix, subscription_mode))
