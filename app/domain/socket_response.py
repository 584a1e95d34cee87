"""The documented ``SocketResponse<T>``: the content of an ack."""

from collections.abc import Mapping
from typing import Generic, NotRequired, TypedDict, TypeVar

from app.domain.delivery import DeliveryState, DeliveryStatus, RefusedReceipt

T = TypeVar("T")


class SocketResponse(TypedDict, Generic[T]):
    """The answer of a successful handler: ``{"data": T}``.

    If a service or guard raises an error, the exception filter creates the answer instead:
    ``{"error": ..., "code": ..., "temporary": ...}``.
    """

    data: T


class PagedResponse(SocketResponse[T]):
    """``{"data": T}``, with ``nextCursor`` and ``counts`` if there is more than one page.

    ``nextCursor`` requests the next page; it is None on the last page. ``counts`` contains the
    totals of all pages.
    """

    nextCursor: NotRequired[str | None]
    counts: NotRequired[Mapping[DeliveryState, int]]


class ReceiptsResponse(SocketResponse[tuple[DeliveryStatus, ...]]):
    """The answer to a list of receipts: the new statuses, and any refused receipts."""

    refused: NotRequired[tuple[RefusedReceipt, ...]]
