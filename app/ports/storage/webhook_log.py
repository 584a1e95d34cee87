"""Which webhook messages were dealt with."""

from typing import Protocol, runtime_checkable


@runtime_checkable
class WebhookLog(Protocol):
    """Ids of messages, over all nodes. Every method raises `Unavailable`."""

    async def contains(self, message_id: str) -> bool:
        """Whether the message was dealt with, here or elsewhere."""
        ...

    async def add(self, message_id: str, ttl_seconds: int) -> None:
        """Remember that it was, for at least ``ttl_seconds`` (>= 1). Repeating it is harmless."""
        ...
