"""The real JavaScript ``socket.io-client``, many clients in one Node process."""

import asyncio
import json
from asyncio.subprocess import PIPE, Process
from collections.abc import Callable
from dataclasses import dataclass
from itertools import count
from pathlib import Path
from typing import Any

JS_FOLDER = Path(__file__).parent / "js"

WAIT_SECONDS = 8.0
"""How long anything that a test waits for may take."""

_LINE_LIMIT_BYTES = 4 * 1024 * 1024


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

    async def has_seen(self, event: str) -> bool:
        """Whether any such event was sent to it until now: the server is asked for a last word."""
        await self.ask("message:getOfflineCount")
        return event in self.events

    @property
    def events(self) -> list[str]:
        """The names of what it saw, in order."""
        return [sight.event for sight in self.log]

    def disconnect(self) -> None:
        """As a user who closes the page."""
        self._order(command="disconnect")

    async def hear(self, sight: Sight) -> None:
        """The driver reports."""
        async with self._news:
            self.log.append(sight)
            self._unread.append(sight)
            self._news.notify_all()

    async def _next(self, wanted: Callable[[Sight], bool]) -> Sight:
        try:
            async with asyncio.timeout(WAIT_SECONDS), self._news:
                while True:
                    for sight in self._unread:
                        if wanted(sight):
                            self._unread.remove(sight)
                            return sight
                    await self._news.wait()
        except TimeoutError:
            message = f"{self.user_id} saw only {self.log}"
            raise AssertionError(message) from None


class JsDriver:
    """The Node process."""

    def __init__(self) -> None:
        self._process: Process | None = None
        self._reader: asyncio.Task[None] | None = None
        self._clients: dict[int, JsClient] = {}

    async def start(self) -> None:
        """Run ``driver.mjs``."""
        self._process = await asyncio.create_subprocess_exec(
            "node", "driver.mjs", cwd=JS_FOLDER, stdin=PIPE, stdout=PIPE, limit=_LINE_LIMIT_BYTES
        )
        self._reader = asyncio.create_task(self._read())

    async def stop(self) -> None:
        """Close its input, at which it ends."""
        assert self._process is not None
        assert self._process.stdin is not None
        assert self._reader is not None
        self._process.stdin.close()
        async with asyncio.timeout(WAIT_SECONDS):
            await self._process.wait()
            await self._reader

    def connect(self, url: str, user_id: str, auth: object, **options: object) -> JsClient:
        """A new client, connecting.

        ``options`` are those of ``io(url, options)``, and ``namespace`` and ``authCallback``, which
        hands over ``auth`` by a function.
        """
        number = len(self._clients)

        def order(**command: object) -> None:
            self._write({"client": number, **command})

        client = self._clients[number] = JsClient(user_id, order)
        order(command="connect", url=url, auth=auth, options=options)
        return client

    def _write(self, command: dict[str, object]) -> None:
        assert self._process is not None
        assert self._process.stdin is not None
        self._process.stdin.write(json.dumps(command).encode() + b"\n")

    async def _read(self) -> None:
        assert self._process is not None
        assert self._process.stdout is not None
        async for line in self._process.stdout:
            told = json.loads(line)
            sight = Sight(told["event"], told["args"], told.get("question"))
            await self._clients[told["client"]].hear(sight)
