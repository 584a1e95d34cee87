"""Acks that clients send for events of this server: socket.io's ``emitWithAck``."""

import asyncio
from collections.abc import Awaitable, Iterable
from typing import Any

ACK_SECONDS = 10.0
"""The default time limit of an ack."""


class AckTimeoutError(TimeoutError):
    """Some clients did not ack a broadcast in time, or some nodes did not answer.

    Attributes:
        responses: The first argument of each ack, or each answer, that has arrived.
    """

    def __init__(self, responses: list[Any]) -> None:
        self.responses = responses
        super().__init__(f"not all answers have arrived in time; {len(responses)} have")


class AwaitedAck:
    """A callback for an ack. It resolves ``future`` with the first argument of the ack."""

    __slots__ = ("future",)

    def __init__(self) -> None:
        self.future: asyncio.Future[Any] = asyncio.get_running_loop().create_future()

    def __call__(self, *args: Any) -> None:
        """Resolve the future; only the first call has an effect."""
        if not self.future.done():
            self.future.set_result(args[0] if args else None)

    def abandon(self) -> None:
        """Fail the future with a ConnectionError, because the client has disconnected."""
        if not self.future.done():
            self.future.set_exception(ConnectionError("the client has disconnected"))


async def collect_acks(waits: Iterable[Awaitable[Any]]) -> list[Any]:
    """Wait for the acks of all clients, and return the acks in the same order.

    An ack that fails with a ConnectionError is left out: the client has disconnected, or is still
    connecting.

    Raises:
        AckTimeoutError: A client did not ack in time.
    """
    results = await asyncio.gather(*waits, return_exceptions=True)
    responses = [each for each in results if not isinstance(each, BaseException)]
    errors = [each for each in results if isinstance(each, BaseException)]
    for error in errors:
        if not isinstance(error, TimeoutError | ConnectionError):
            raise error
    if any(isinstance(error, TimeoutError) for error in errors):
        raise AckTimeoutError(responses)
    return responses
