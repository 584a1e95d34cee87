"""The `limited_as_receipts` decorator, which `WsThrottlerGuard` reads."""

from collections.abc import Callable
from typing import Any, TypeVar

from app.domain.delivery import MAX_RECEIPTS
from app.framework import set_metadata

LIMITED_AS_RECEIPTS = "limited_as_receipts"

Decorated = TypeVar("Decorated", bound=Callable[..., Any])


def limited_as_receipts() -> Callable[[Decorated], Decorated]:
    """Count the handler's events in the bucket of receipts: one token per message listed."""
    return set_metadata(LIMITED_AS_RECEIPTS, value=True)


def receipts_in(data: object) -> int:
    """Count the messages in a payload that is not validated yet: 1 to `MAX_RECEIPTS`.

    A longer list costs as much as the longest valid one; validation rejects it later.
    """
    listed = data.get("messageIds") if isinstance(data, dict) else None
    return min(max(1, len(listed)), MAX_RECEIPTS) if isinstance(listed, list) else 1
