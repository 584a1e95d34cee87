"""Controls real JavaScript ``socket.io-client`` clients, which all run in one Node process."""

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
    """A received event with its arguments. For an ack, ``event`` is ``ack``."""

    event: str
    args: list[Any]
    question: int | None

    @property
    def first(self) -> Any:
        """The first argument, or None."""
        return self.args[0] if self.args else None


class JsClient:
    """Controls one JavaScript client, and stores the events that the client receives."""

    def __init__(self, user_id: str, order: Callable[..., None]) -> None:
        self.user_id = user_id
        self.log: list[Sight] = []
        self._order = order
        self._unread: list[Sight] = []
        self._changed = asyncio.Condition()
        self._questions = count()

    def emit(self, event: str, *args: object) -> None:
        """Emit an event without requesting an ack."""
        self._order(command="emit", event=event, args=args)

    async def ask(self, event: str, *args: object) -> Any:
        question = next(self._questions)
        self._order(command="ask", event=event, args=args, question=question)
        return (await self._next(lambda sight: sight.question == question)).first

    async def sees(self, event: str) -> Any:
        """Wait for the event, and return its payload. Each event is returned only once."""
        return (await self._next(lambda sight: sight.event == event)).first

    async def admitted(self) -> None:
        """Wait for ``connect`` and an answered request: refused clients receive ``connect`` too."""
        while True:
            await self.sees("connect")
            if await self._is_answered():
                return

    async def has_seen(self, event: str) -> bool:
        """Request a count, and return whether the event arrived before the ack of this request."""
        await self.ask("message:getOfflineCount")
        return event in self.events

    @property
    def events(self) -> list[str]:
        return [sight.event for sight in self.log]

    def wants(self, wanted: Mapping[str, object] | None) -> None:
        """Change the token request of a refreshing client; None signs the user out."""
        self._order(command="want", wanted=wanted)

    def disconnect(self) -> None:
        """Disconnect the client, as closing a page does."""
        self._order(command="disconnect")

    async def receive(self, sight: Sight) -> None:
        async with self._changed:
            self.log.append(sight)
            self._unread.append(sight)
            self._changed.notify_all()

    async def _is_answered(self) -> bool:
        question = next(self._questions)
        self._order(command="ask", event="message:getOfflineCount", args=(), question=question)
        sight = await self._next(
            lambda sight: sight.question == question or sight.event == "disconnect"
        )
        return sight.question == question

    async def _next(self, wanted: Callable[[Sight], bool]) -> Sight:
        try:
            async with asyncio.timeout(ANSWER_SECONDS), self._changed:
                while True:
                    for sight in self._unread:
                        if wanted(sight):
                            self._unread.remove(sight)
                            return sight
                    await self._changed.wait()
        except TimeoutError:
            message = f"{self.user_id} saw only {self.log}"
            raise AssertionError(message) from None


class JsDriver(NodeDriver):
    """The Node process that runs all JavaScript clients."""

    def __init__(self) -> None:
        super().__init__(JS_FOLDER)
        self._clients: dict[int, JsClient] = {}

    def connect(self, url: str, user_id: str, auth: object, **options: object) -> JsClient:
        """Begin to connect a new client.

        ``options`` are those of ``io(url, options)``, with three additions: ``namespace``,
        ``authCallback``, which passes ``auth`` through a function, and ``presence``: if it is true,
        the client also stores events ``presence``.
        """
        return self._begin(user_id, command="connect", url=url, auth=auth, options=options)

    def connect_refreshing(self, url: str, module: Path, wanted: Mapping[str, object]) -> JsClient:
        """Begin to connect the client of ``docs/refreshing-tokens.md``, compiled to ``module``.

        Whenever the client needs a token, it sends ``wanted`` to the development issuer.
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
            self.send({"client": number, **command})

        client = self._clients[number] = JsClient(user_id, order)
        order(**connect)
        return client

    async def handle(self, report: dict[str, Any]) -> None:
        sight = Sight(report["event"], report["args"], report.get("question"))
        await self._clients[report["client"]].receive(sight)
