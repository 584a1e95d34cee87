"""Runs real Prisma on a server's database: its client, and a NestJS gateway that uses it."""

import asyncio
import os
from asyncio.subprocess import PIPE, Process
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from itertools import count
from pathlib import Path
from typing import Any

from tests.deadlines import PROCESS_SECONDS
from tests.e2e.clerk import PRODUCTION
from tests.free_port import free_port
from tests.node_driver import NodeDriver

PEER = Path(__file__).parents[2] / "bench" / "peers" / "nest-prisma"

Call = tuple[str, str, object]
"""A call of Prisma's client: a model, an action such as ``findMany``, and its parameters."""


class PrismaError(Exception):
    """A call or transaction of Prisma's client failed; the message has Prisma's error code."""


class PrismaClient(NodeDriver):
    """Prisma's client in a Node process.

    Args:
        url: The address of the database.
    """

    def __init__(self, url: str) -> None:
        super().__init__(PEER, url)
        self._numbers = count()
        self._waiting: dict[int, asyncio.Future[dict[str, Any]]] = {}

    async def call(self, model: str, action: str, **parameters: object) -> Any:
        """Call an action of a model, and return its result."""
        (result,) = await self.transaction((model, action, parameters))
        return result

    async def transaction(self, *calls: Call) -> list[Any]:
        """Run the calls in one transaction, and return their results.

        Raises:
            PrismaError: A call failed.
        """
        number = next(self._numbers)
        answer = self._waiting[number] = asyncio.get_running_loop().create_future()
        self.send({"number": number, "calls": calls})
        report = await self.answered(answer)
        if "error" in report:
            raise PrismaError(report["error"])
        results: list[Any] = report["results"]
        return results

    async def handle(self, report: dict[str, Any]) -> None:
        self._waiting.pop(report["number"]).set_result(report)


@asynccontextmanager
async def prisma_client(url: str) -> AsyncIterator[PrismaClient]:
    """Run Prisma's client inside the block."""
    client = PrismaClient(url)
    await client.start()
    try:
        yield client
    finally:
        await client.stop()


@asynccontextmanager
async def prisma_gateway(database_url: str) -> AsyncIterator[str]:
    """Run the NestJS gateway inside the block, and return its URL.

    The gateway accepts the tokens of `clerk_token`.
    """
    port = free_port()
    process = await asyncio.create_subprocess_exec(
        *("node", "dist/main.js"),
        cwd=PEER,
        env={
            "PATH": os.environ["PATH"],
            "PORT": str(port),
            "DATABASE_URL": database_url,
            "CLERK_JWT_KEY": PRODUCTION["CLERK_JWT_KEY"],
        },
        stdout=PIPE,
    )
    try:
        async with asyncio.timeout(PROCESS_SECONDS):
            await _listening(process)
        yield f"http://127.0.0.1:{port}"
    finally:
        process.terminate()
        await process.wait()


async def _listening(process: Process) -> None:
    assert process.stdout is not None
    async for line in process.stdout:
        if b"listening on" in line:
            return
    message = "the gateway ended instead of listening"
    raise AssertionError(message)
