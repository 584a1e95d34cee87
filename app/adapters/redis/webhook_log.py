"""Records processed webhook messages in Redis."""

from redis.asyncio import Redis

from app.adapters.redis.connection import RedisConnection
from app.ports import WebhookLog


class RedisWebhookLog(WebhookLog):
    """Stores a key per processed message."""

    def __init__(self, connection: RedisConnection) -> None:
        self._connection = connection
        self._keys = connection.keys

    async def contains(self, message_id: str) -> bool:
        async def command(redis: Redis) -> bool:
            return bool(await redis.exists(self._keys.webhook(message_id)))

        return await self._connection.run(command)

    async def add(self, message_id: str, ttl_seconds: int) -> None:
        key = self._keys.webhook(message_id)
        await self._connection.run_script("remember", [key], max(1, ttl_seconds), "1")
