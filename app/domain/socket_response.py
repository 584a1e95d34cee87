"""The documented ``SocketResponse<T>``: what an ack carries."""

from collections.abc import Mapping
from typing import Generic, NotRequired, TypedDict, TypeVar

from app.domain.delivery import DeliveryState, DeliveryStatus, RefusedReceipt

T = TypeVar("T")


class SocketResponse(TypedDict, Generic[T]):
    """A handler's answer, as it goes over the wire: ``{"data": T}``.

    Its other half, ``{"error": ..., "code": ..., "temporary": ...}``, is written by the exception
    filter from what services and guards raise.
    """

    data: T


class PagedResponse(SocketResponse[T]):
    """``{"data": T}``; where ``data`` is not everything, ``nextCursor`` and ``counts`` beside it.

    ``nextCursor`` asks for the next page and is None on the last. ``counts`` says how many there
    are in all pages together.
    """

    nextCursor: NotRequired[str | None]
    counts: NotRequired[Mapping[DeliveryState, int]]


class ReceiptsResponse(SocketResponse[tuple[DeliveryStatus, ...]]):
    """The answer to a list of receipts: what was marked, and what was refused if anything was."""

    refused: NotRequired[tuple[RefusedReceipt, ...]]
