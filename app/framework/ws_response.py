"""`WsResponse`: a handler's result that is emitted instead of acked."""

from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class WsResponse:
    """Emits ``event`` with ``data`` to the client; its ack is not called (Nest's rule).

    A dict with a truthy ``event`` means the same.
    """

    event: str
    data: Any = None

    @staticmethod
    def of(result: object) -> "WsResponse | None":
        """The result as a `WsResponse`, None when it is a plain value."""
        if isinstance(result, WsResponse):
            return result if result.event else None
        if isinstance(result, dict) and result.get("event"):
            return WsResponse(str(result["event"]), result.get("data"))
        return None
