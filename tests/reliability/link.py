"""A device's link to the server, which may be lost at any time."""

import asyncio
from abc import ABC, abstractmethod
from collections.abc import Callable
from itertools import count
from typing import Any

from tests.deadlines import ANSWER_SECONDS

OnEvent = Callable[[str, Any], None]
"""A callback for received events: it takes an event's name and first argument."""


class ConnectionLost(Exception):
    """The connection ended before the answer arrived, so the result of the request is unknown."""


class Unanswered(Exception):
    """No answer arrived, although the connection is open."""


class Link(ABC):
    """A client that reconnects by itself whenever its connection is lost.

    Attributes:
        online: An event that is set while there is a connection.
        connections: The number of connections so far.
        on_event: The callback for each received event, in order.
        on_connect: The callback after each connection.
    """

    def __init__(self) -> None:
        self.online = asyncio.Event()
        self.connections = 0
        self.on_event: OnEvent = lambda _event, _payload: None
        self.on_connect: Callable[[], None] = lambda: None
        self._questions: dict[int, asyncio.Future[Any]] = {}
        self._numbers = count()

    async def ask(self, event: str, payload: object = None) -> Any:
        """Wait for a connection, send an event, and return its ack.

        Raises:
            ConnectionLost: The connection ended before the ack arrived.
            Unanswered: No ack arrived for `ANSWER_SECONDS`, although the connection was open.
        """
        await self.online.wait()
        number = next(self._numbers)
        question = self._questions[number] = asyncio.get_running_loop().create_future()
        self._emit(number, event, payload)
        try:
            async with asyncio.timeout(ANSWER_SECONDS):
                return await question
        except TimeoutError:
            raise Unanswered(event) from None
        finally:
            del self._questions[number]

    @abstractmethod
    def _emit(self, number: int, event: str, payload: object) -> None:
        """Send an event that requests an ack with this id."""

    def _connected(self) -> None:
        self.connections += 1
        self.online.set()
        self.on_connect()

    def _answered(self, number: int, answer: object) -> None:
        question = self._questions.get(number)
        if question is not None and not question.done():
            question.set_result(answer)

    def _lost(self) -> None:
        self.online.clear()
        for question in self._questions.values():
            if not question.done():
                question.set_exception(ConnectionLost())
