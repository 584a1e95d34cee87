"""`Requests`: the requests of this node to the other nodes, until all have answered."""

import asyncio
import secrets
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Any

from app.framework.websockets.socket_api.acks import AckTimeoutError


@dataclass(slots=True)
class _Request:
    """A request to the other nodes, and their answers so far.

    Attributes:
        missing: The number of nodes that have not answered.
        missing_acks: The number of clients whose acks have not arrived.
    """

    missing: int
    done: asyncio.Future[None]
    answers: list[Any] = field(default_factory=list)
    missing_acks: int = 0

    def check(self) -> None:
        """Finish the request if all answers have arrived."""
        if self.missing <= 0 and self.missing_acks <= 0 and not self.done.done():
            self.done.set_result(None)


class Requests:
    """The requests of one namespace. Answers to requests that have ended are ignored."""

    def __init__(self) -> None:
        self._requests: dict[str, _Request] = {}

    async def ask(
        self, nodes: int, timeout_seconds: float, send: Callable[[str], bool]
    ) -> list[Any]:
        """Send a request, and return the answers when all have arrived.

        Args:
            nodes: The number of the other nodes.
            send: Sends the request, and returns whether it could; takes the id of the request.

        Raises:
            ConnectionError: The request could not be sent.
            AckTimeoutError: Not all answers have arrived in time. The error has the others.
        """
        request = _Request(nodes, asyncio.get_running_loop().create_future())
        if nodes <= 0:
            return request.answers
        request_id = secrets.token_hex(8)
        self._requests[request_id] = request
        try:
            if not send(request_id):
                raise ConnectionError("the request is too long, or too many messages are waiting")
            async with asyncio.timeout(timeout_seconds):
                await request.done
        except TimeoutError:
            raise AckTimeoutError(request.answers) from None
        finally:
            del self._requests[request_id]
        return request.answers

    def add_answers(self, request_id: Any, answers: Iterable[Any]) -> None:
        """Add the answers of one node. They are evaluated only if the request waits for them."""
        request = self._requests.get(str(request_id))
        if request is not None:
            request.answers += list(answers)
            request.missing -= 1
            request.check()

    def expect_acks(self, request_id: Any, count: Any) -> None:
        """Wait for this number of acks from the clients of one node."""
        request = self._requests.get(str(request_id))
        if request is not None and isinstance(count, int):
            request.missing -= 1
            request.missing_acks += count
            request.check()

    def add_ack(self, request_id: Any, ack: Any) -> None:
        """Add the ack of one client."""
        request = self._requests.get(str(request_id))
        if request is not None:
            request.missing_acks -= 1
            request.answers.append(ack)
            request.check()
