"""The real JavaScript ``socket.io-client``, many clients in one Node process."""

import asyncio
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from itertools import count
from pathlib import Path
from typing import Any

from tests.deadlines import ANSWER_SECONDS
from tests.node_driver import NodeDriver

JS_FOLDER = Path(__file__).parent / "js"


@dataclass(frozen=True, slots=True)
class Sight:
    """One thing a client saw: an event with its arguments, or an ack, its event being ``ack``."""

    event: str
    args: list[Any]
    question: int | None

    @property
    def first(self) -> Any:
        """What a listener with one parameter gets."""
        return self.args[0] if self.args else None


class JsClient:
    """One socket: what it did see, in order, and what it is told to do."""

    def __init__(self, user_id: str, order: Callable[..., None]) -> None:
        self.user_id = user_id
        self.log: list[Sight] = []
        self._order = order
        self._unread: list[Sight] = []
        self._news = asyncio.Condition()
        self._questions = count()

    def emit(self, event: str, *args: object) -> None:
        """Without asking for an ack."""
        self._order(command="emit", event=event, args=args)

    async def ask(self, event: str, *args: object) -> Any:
        """What the ack says."""
        question = next(self._questions)
        self._order(command="ask", event=event, args=args, question=question)
        return (await self._next(lambda sight: sight.question == question)).first

    async def sees(self, event: str) -> Any:
        """The payload of the next such event; one that came already counts, and counts once."""
        return (await self._next(lambda sight: sight.event == event)).first

    async def admitted(self) -> None:
        """Wait until the server admits it: a refused client sees ``connect``, too."""
        while True:
            await self.sees("connect")
            if await self._is_answered():
                return

    async def has_seen(self, event: str) -> bool:
        """Whether any such event was sent to it until now: the server is asked for a last word."""
        await self.ask("message:getOfflineCount")
        return event in self.events

    @property
    def events(self) -> list[str]:
        """The names of what it saw, in order."""
        return [sight.event for sight in self.log]

    def wants(self, wanted: Mapping[str, object] | None) -> None:
        """Change what a refreshing client's tokens are asked for with; None: it has signed out."""
        self._order(command="want", wanted=wanted)

    def disconnect(self) -> None:
        """As a user who closes the page."""
        self._order(command="disconnect")

    async def hear(self, sight: Sight) -> None:
        """The driver reports."""
        async with self._news:
            self.log.append(sight)
            self._unread.append(sight)
            self._news.notify_all()

    async def _is_answered(self) -> bool:
        """Whether an event is acked before the connection is lost."""
        question = next(self._questions)
        self._order(command="ask", event="message:getOfflineCount", args=(), question=question)
        sight = await self._next(
            lambda sight: sight.question == question or sight.event == "disconnect"
        )
        return sight.question == question

    async def _next(self, wanted: Callable[[Sight], bool]) -> Sight:
        try:
            async with asyncio.timeout(ANSWER_SECONDS), self._news:
                while True:
                    for sight in self._unread:
                        if wanted(sight):
                            self._unread.remove(sight)
                            return sight
                    await self._news.wait()
        except TimeoutError:
            message = f"{self.user_id} saw only {self.log}"
            raise AssertionError(message) from None


class JsDriver(NodeDriver):
    """The Node process with the clients."""

    def __init__(self) -> None:
        super().__init__(JS_FOLDER)
        self._clients: dict[int, JsClient] = {}

    def connect(self, url: str, user_id: str, auth: object, **options: object) -> JsClient:
        """A new client, connecting.

        ``options`` are those of ``io(url, options)``, and ``namespace`` and ``authCallback``, which
        hands over ``auth`` by a function.
        """
        return self._begin(user_id, command="connect", url=url, auth=auth, options=options)

    def connect_refreshing(self, url: str, module: Path, wanted: Mapping[str, object]) -> JsClient:
        """The client of ``docs/refreshing-tokens.md``, compiled to ``module``, connecting.

        ``wanted`` is what it asks the development issuer for whenever it needs a token.
        """
        return self._begin(
            str(wanted["userId"]),
            command="connectRefreshing",
            url=url,
            module=module.as_uri(),
            wanted=wanted,
        )

    def _begin(self, user_id: str, **connect: object) -> JsClient:
        number = len(self._clients)

        def order(**command: object) -> None:
            self.tell({"client": number, **command})

        client = self._clients[number] = JsClient(user_id, order)
        order(**connect)
        return client

    async def hear(self, told: dict[str, Any]) -> None:
        """What happened to a client."""
        sight = Sight(told["event"], told["args"], told.get("question"))
        await self._clients[told["client"]].hear(sight)
