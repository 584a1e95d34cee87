"""Sends the result of a handler to the client, as an ack or as an event."""

from collections.abc import AsyncGenerator, AsyncIterator
from dataclasses import dataclass
from typing import Any

from app.framework.common.context import AckFunction
from app.framework.websockets.socket import Socket


@dataclass(frozen=True, slots=True)
class WsResponse:
    """A result that is emitted to the client as ``event`` with ``data``; the ack is not called.

    A dict with a truthy ``event`` means the same, as in Nest.

    Raises:
        ValueError: The name of the event is empty.
    """

    event: str
    data: Any = None

    def __post_init__(self) -> None:
        if not self.event:
            raise ValueError("a WsResponse needs the name of an event")


def deliver(result: Any, client: Socket, ack: AckFunction | None) -> bool:
    """Send one result by Nest's rules; return whether the ack was called.

    None sends nothing, a `WsResponse` is emitted, any other value is the argument of the ack.
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
    """Send each value of an async iterator; Nest does this for an Observable.

    The first value that is neither None nor a `WsResponse` is acked, later ones are dropped. Stops
    when the client has disconnected.
    """
    try:
        async for value in values:
            if deliver(value, client, ack):
                ack = None
            if not client.connected:
                break
    finally:
        if isinstance(values, AsyncGenerator):  # otherwise it would end at its garbage collection
            await values.aclose()
