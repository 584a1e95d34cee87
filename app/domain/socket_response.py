"""The documented ``SocketResponse<T>``: what an ack carries."""

from typing import Generic, TypedDict, TypeVar

T = TypeVar("T")


class SocketResponse(TypedDict, Generic[T]):
    """A handler's answer, as it goes over the wire: ``{"data": T}``.

    Its other half, ``{"error": ..., "code": ..., "temporary": ...}``, is written by the exception
    filter from what services and guards raise.
    """

    data: T
