"""The documented ``SocketResponse<T>``: what an ack carries."""

from dataclasses import dataclass
from typing import Generic, TypeVar

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class SocketResponse(Generic[T]):
    """A handler's answer: ``{"data": T}`` on the wire.

    Its other half, ``{"error": ..., "code": ..., "temporary": ...}``, is written by the exception
    filter from what services and guards raise.
    """

    data: T

    def to_wire(self) -> dict[str, T]:
        """The JSON object, with ``data`` still a domain value."""
        return {"data": self.data}
