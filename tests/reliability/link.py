"""How a device reaches the server: one connection after the other, each to be lost at any time."""

import asyncio
from abc import ABC, abstractmethod
from collections.abc import Callable
from itertools import count
from typing import Any

from tests.deadlines import ANSWER_SECONDS

Hear = Callable[[str, Any], None]
"""Gets an event's name and its first argument."""


class ConnectionLost(Exception):
    """The connection ended before the answer came; nobody knows what was done."""


class Unanswered(Exception):
    """No answer came, though the connection lasts."""


class Link(ABC):
    """A client that comes back by itself, as often as its connection is lost.

    Attributes:
        online: Set while there is a connection.
        connections: How many there were.
        on_event: Hears of events, in their order.
        on_connect: Hears of each new connection.
    """

    def __init__(self) -> None:
        self.online = asyncio.Event()
        self.connections = 0
        self.on_event: Hear = lambda _event, _payload: None
        self.on_connect: Callable[[], None] = lambda: None
        self._questions: dict[int, asyncio.Future[Any]] = {}
        self._numbers = count()

    async def ask(self, event: str, payload: object = None) -> Any:
        """What the ack says; waits for a connection first.

        Raises:
            ConnectionLost: Before the ack came.
            Unanswered: It did not come for `ANSWER_SECONDS`, though the connection lasted.
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
        """Send the event, asking for an ack with this number."""

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
