"""Webhook messages that were dealt with, in memory."""

from app.adapters.memory.expiring_map import ExpiringMap
from app.ports import Clock, WebhookLog


class MemoryWebhookLog(WebhookLog):
    """Ids of messages until they are forgotten."""

    def __init__(self, clock: Clock) -> None:
        self._message_ids: ExpiringMap[str, bool] = ExpiringMap(clock)

    async def contains(self, message_id: str) -> bool:
        """Whether the message was dealt with."""
        return self._message_ids.get(message_id) is not None

    async def add(self, message_id: str, ttl_seconds: int) -> None:
        """Remember that it was."""
        self._message_ids.put(message_id, value=True, ttl_seconds=ttl_seconds)
