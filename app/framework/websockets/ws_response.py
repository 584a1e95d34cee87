"""`WsResponse`: a handler's result that is emitted as an event instead of being acked."""

from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class WsResponse:
    """A result that is emitted to the client as ``event`` with ``data``; the ack is not called.

    As in Nest, a dict with a truthy ``event`` has the same effect.

    Raises:
        ValueError: The name of the event is empty.
    """

    event: str
    data: Any = None

    def __post_init__(self) -> None:
        if not self.event:
            raise ValueError("a WsResponse needs the name of an event")
