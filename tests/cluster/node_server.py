"""Socket.IO servers in Node.js with the official Redis adapter."""

import asyncio
from itertools import count
from pathlib import Path
from typing import Any

from tests.e2e.clerk import PRODUCTION
from tests.e2e.prisma_peer import PEER
from tests.node_driver import NodeDriver

SOCKET_IO_PROGRAM = Path(__file__).parent / "js" / "driver.mjs"
"""A server without a framework."""


class NodeServer(NodeDriver):
    """A Node process with the commands of ``js/cluster.mjs``.

    Args:
        mode: The adapter's mode: see ``connectCluster`` in ``js/cluster.mjs``.
        others: The further arguments of the program.

    Attributes:
        news: The arguments of each server-side event ``news`` of another node.
    """

    def __init__(
        self, redis_url: str, mode: str, *others: str, program: Path = SOCKET_IO_PROGRAM
    ) -> None:
        super().__init__(program.parent, redis_url, mode, *others, script=program.name)
        self.news: asyncio.Queue[list[Any]] = asyncio.Queue()
        self._numbers = count()
        self._answers: dict[int, asyncio.Future[Any]] = {}
        self._port: asyncio.Future[int] = asyncio.get_running_loop().create_future()

    async def url(self) -> str:
        """Return the server's URL when it is listening."""
        port = await self.answered(self._port)
        return f"http://127.0.0.1:{port}"

    async def ask(self, command: str, **parameters: object) -> Any:
        """Send a command of ``cluster.mjs``, and return its result.

        Raises:
            AssertionError: The command failed.
        """
        number = next(self._numbers)
        answer = self._answers[number] = asyncio.get_running_loop().create_future()
        self.send({"id": number, "command": command, **parameters})
        return await self.answered(answer)

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


def nest_server(redis_url: str, mode: str, database_url: str) -> NodeServer:
    """Return a server that runs the NestJS gateway with Prisma.

    The gateway accepts the tokens of `clerk_token`.
    """
    program = PEER / "cluster_node.mjs"
    key = PRODUCTION["CLERK_JWT_KEY"]
    return NodeServer(redis_url, mode, database_url, key, program=program)
