"""Socket.IO's Redis adapter: connects the servers of several processes, also those in Node.js.

It speaks the protocol of ``@socket.io/redis-adapter``. It needs ``redis`` and ``msgpack``.
"""

from app.framework.redis_adapter.redis_cluster import RedisCluster, create_sharded_adapter
from app.framework.redis_adapter.sharded_adapter import SubscriptionMode

__all__ = ["RedisCluster", "SubscriptionMode", "create_sharded_adapter"]
