"""`WsResponse`: a handler's result that is emitted as an event instead of being acked."""

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Generic

if TYPE_CHECKING:  # before Python 3.13, `typing` has no defaults of type variables
    from typing_extensions import TypeVar

    T = TypeVar("T", default=Any)
else:
    from typing import TypeVar

    T = TypeVar("T")


@dataclass(frozen=True)  # with slots, WsResponse[CatDto](...) fails on Python 3.11
class WsResponse(Generic[T]):
    """A result that is emitted to the client as ``event`` with ``data``; the ack is not called.

    As in Nest, a dict, a dataclass or a pydantic model with a truthy ``event`` has the same effect,
    and ``WsResponse[CatDto]`` in an annotation names the type of ``data``.

    Raises:
        ValueError: The name of the event is empty.
    """

    event: str
    data: T | None = None

    def __post_init__(self) -> None:
        if not self.event:
            raise ValueError("a WsResponse needs the name of an event")
