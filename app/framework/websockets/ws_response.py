"""What becomes of a handler's result: an ack, an event, several of them, or nothing."""

from collections.abc import AsyncGenerator, AsyncIterator
from dataclasses import dataclass
from typing import Any

from app.framework.common.context import AckFunction
from app.framework.websockets.socket import Socket


@dataclass(frozen=True, slots=True)
class WsResponse:
    """Emits ``event`` with ``data`` to the client; its ack is not called (Nest's rule).

    A dict with a truthy ``event`` means the same.

    Raises:
        ValueError: The event has no name.
    """

    event: str
    data: Any = None

    def __post_init__(self) -> None:
        if not self.event:
            raise ValueError("a WsResponse needs the name of an event")


def deliver(result: Any, client: Socket, ack: AckFunction | None) -> bool:
    """Nest's rules: nothing for None, an emit for a `WsResponse`, an ack for any other value.

    Returns whether the ack was called.
    """
    if result is None:
        return False
    if isinstance(result, dict) and result.get("event"):
        result = WsResponse(str(result["event"]), result.get("data"))
    if isinstance(result, WsResponse):
        client.emit(result.event, result.data)
        return False
    if ack is None:
        return False
    ack(result)
    return True


async def deliver_all(values: AsyncIterator[Any], client: Socket, ack: AckFunction | None) -> None:
    """An async iterator is Python's Observable: each value so, the ack for the first plain one.

    Ends when the client has gone.
    """
    try:
        async for value in values:
            if deliver(value, client, ack):
                ack = None
            if not client.connected:
                break
    finally:
        if isinstance(values, AsyncGenerator):  # else it would end whenever it is collected
            await values.aclose()
