"""Remembers the webhook messages that were processed."""

from typing import Protocol, runtime_checkable


@runtime_checkable
class WebhookLog(Protocol):
    """The ids of processed webhook messages, shared by all nodes.

    Every method raises `Unavailable` if the storage does not answer.
    """

    async def contains(self, message_id: str) -> bool:
        """Return whether any node has processed the message."""
        ...

    async def add(self, message_id: str, ttl_seconds: int) -> None:
        """Store the id for at least ``ttl_seconds`` (>= 1). Repeating the call is harmless."""
        ...
