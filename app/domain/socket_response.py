"""The documented ``SocketResponse<T>``: what an ack carries."""

from typing import Generic, NotRequired, TypedDict, TypeVar

from app.domain.delivery import DeliveryStatus, RefusedReceipt

T = TypeVar("T")


class SocketResponse(TypedDict, Generic[T]):
    """A handler's answer, as it goes over the wire: ``{"data": T}``.

    Its other half, ``{"error": ..., "code": ..., "temporary": ...}``, is written by the exception
    filter from what services and guards raise.
    """

    data: T


class ReceiptsResponse(SocketResponse[tuple[DeliveryStatus, ...]]):
    """The answer to a list of receipts: what was marked, and what was refused if anything was."""

    refused: NotRequired[tuple[RefusedReceipt, ...]]
