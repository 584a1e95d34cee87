"""The documented ``SocketResponse<T>``: the content of an ack."""

from collections.abc import Mapping
from typing import Generic, NotRequired, TypedDict, TypeVar

from app.domain.delivery import DeliveryState, DeliveryStatus, RefusedReceipt

T = TypeVar("T")


class SocketResponse(TypedDict, Generic[T]):
    """The answer of a handler that succeeds: ``{"data": T}``.

    The exception filter writes the answer of one that fails, ``{"error": ..., "code": ...,
    "temporary": ...}``, from the error that a service or a guard raised.
    """

    data: T


class PagedResponse(SocketResponse[T]):
    """``{"data": T}``, with ``nextCursor`` and ``counts`` if there is more than one page.

    ``nextCursor`` requests the next page; it is None on the last page. ``counts`` has the totals
    of all pages.
    """

    nextCursor: NotRequired[str | None]
    counts: NotRequired[Mapping[DeliveryState, int]]


class ReceiptsResponse(SocketResponse[tuple[DeliveryStatus, ...]]):
    """The answer to a list of receipts: the new statuses, and the refused receipts if any."""

    refused: NotRequired[tuple[RefusedReceipt, ...]]
