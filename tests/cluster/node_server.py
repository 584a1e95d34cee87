"""A Socket.IO server in Node.js with the official Redis adapter."""

import asyncio
from itertools import count
from pathlib import Path
from typing import Any

from tests.deadlines import PROCESS_SECONDS
from tests.node_driver import NodeDriver


class NodeServer(NodeDriver):
    """The Node process of ``js/driver.mjs``.

    Attributes:
        news: The arguments of each server-side event ``news`` of another node.
    """

    def __init__(self, redis_url: str, mode: str) -> None:
        super().__init__(Path(__file__).parent / "js", redis_url, mode)
        self.news: asyncio.Queue[list[Any]] = asyncio.Queue()
        self._numbers = count()
        self._answers: dict[int, asyncio.Future[Any]] = {}
        self._port: asyncio.Future[int] = asyncio.get_running_loop().create_future()

    async def url(self) -> str:
        """Return the server's URL when it is listening."""
        async with asyncio.timeout(PROCESS_SECONDS):
            return f"http://127.0.0.1:{await self._port}"

    async def ask(self, command: str, **parameters: object) -> Any:
        """Send a command of ``driver.mjs``, and return its result.

        Raises:
            AssertionError: The command failed.
        """
        number = next(self._numbers)
        answer = self._answers[number] = asyncio.get_running_loop().create_future()
        self.send({"id": number, "command": command, **parameters})
        async with asyncio.timeout(PROCESS_SECONDS):
            return await answer

    async def handle(self, report: dict[str, Any]) -> None:
        match report:
            case {"event": "listening", "args": [port]}:
                self._port.set_result(port)
            case {"event": "news", "args": args}:
                self.news.put_nowait(args)
            case {"id": number, "error": error}:
                self._answers.pop(number).set_exception(AssertionError(error))
            case {"id": number, "result": result}:
                self._answers.pop(number).set_result(result)
