"""Webhook messages that were dealt with, in Redis."""

from redis.asyncio import Redis

from app.adapters.redis import keys
from app.adapters.redis.connection import RedisConnection
from app.ports import WebhookLog


class RedisWebhookLog(WebhookLog):
    """A key per message."""

    def __init__(self, connection: RedisConnection) -> None:
        self._connection = connection

    async def contains(self, message_id: str) -> bool:
        """Whether the message was dealt with."""

        async def command(redis: Redis) -> bool:
            return bool(await redis.exists(keys.webhook(message_id)))

        return await self._connection.run(command)

    async def add(self, message_id: str, ttl_seconds: int) -> None:
        """Remember that it was."""
        key = keys.webhook(message_id)
        await self._connection.run_script("remember", [key], max(1, ttl_seconds), "1")
