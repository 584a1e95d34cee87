"""Which handlers take receipts, which have a rate limit of their own: a mark for the throttler."""

from collections.abc import Callable
from typing import Any, TypeVar

from app.domain.delivery import MAX_RECEIPTS
from app.framework import set_metadata

LIMITED_AS_RECEIPTS = "limited_as_receipts"

Decorated = TypeVar("Decorated", bound=Callable[..., Any])


def limited_as_receipts() -> Callable[[Decorated], Decorated]:
    """Count the handler's events in the receipts' bucket, each for as many messages as it names."""
    return set_metadata(LIMITED_AS_RECEIPTS, value=True)


def receipts_in(data: object) -> int:
    """How many messages a payload names, before it is validated: 1 to `MAX_RECEIPTS`.

    A longer list is refused by the validation; it costs the most that a list can.
    """
    listed = data.get("messageIds") if isinstance(data, dict) else None
    return min(max(1, len(listed)), MAX_RECEIPTS) if isinstance(listed, list) else 1
