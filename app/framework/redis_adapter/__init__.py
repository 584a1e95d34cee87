"""Socket.IO's Redis adapters: they connect the servers of several processes, also in Node.js.

They speak the protocols of ``@socket.io/redis-adapter``. They need ``hiredis``, ``msgpack`` and
``redis``.
"""

from app.framework.redis_adapter.redis_nodes import (
    RedisNodes,
    create_adapter,
    create_sharded_adapter,
)
from app.framework.redis_adapter.sharded_adapter import SubscriptionMode

__all__ = ["RedisNodes", "SubscriptionMode", "create_adapter", "create_sharded_adapter"]
