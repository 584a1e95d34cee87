"""Records processed webhook messages in memory."""

from app.adapters.memory.expiring_map import ExpiringMap
from app.ports import Clock, WebhookLog


class MemoryWebhookLog(WebhookLog):
    """Keeps the ids of processed messages until they expire."""

    def __init__(self, clock: Clock) -> None:
        self._message_ids: ExpiringMap[str, bool] = ExpiringMap(clock)

    async def contains(self, message_id: str) -> bool:
        return self._message_ids.get(message_id) is not None

    async def add(self, message_id: str, ttl_seconds: int) -> None:
        self._message_ids.put(message_id, value=True, ttl_seconds=ttl_seconds)
