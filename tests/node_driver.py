"""A Node process that tests speak to: orders, and what it tells, are a line of JSON each."""

import asyncio
import json
from abc import ABC, abstractmethod
from asyncio.subprocess import PIPE, Process
from pathlib import Path
from typing import Any

from tests.deadlines import PROCESS_SECONDS

_LINE_LIMIT_BYTES = 4 * 1024 * 1024


class NodeDriver(ABC):
    """``driver.mjs`` in a folder. It ends when its input does.

    Attributes:
        reader: Takes in what it tells, until it has ended.
    """

    def __init__(self, folder: Path, *arguments: str) -> None:
        self._folder = folder
        self._arguments = arguments
        self._process: Process | None = None
        self.reader: asyncio.Task[None] | None = None

    async def start(self) -> None:
        """Run it."""
        self._process = await asyncio.create_subprocess_exec(
            *("node", "driver.mjs", *self._arguments),
            cwd=self._folder,
            stdin=PIPE,
            stdout=PIPE,
            limit=_LINE_LIMIT_BYTES,
        )
        self.reader = asyncio.create_task(self._read())

    async def stop(self) -> None:
        """Close its input, at which it ends what it drives, and itself."""
        assert self._process is not None
        assert self._process.stdin is not None
        assert self.reader is not None
        self._process.stdin.close()
        async with asyncio.timeout(PROCESS_SECONDS):
            await self._process.wait()
            await self.reader

    def tell(self, order: dict[str, object]) -> None:
        """Send it an order."""
        assert self._process is not None
        assert self._process.stdin is not None
        self._process.stdin.write(json.dumps(order).encode() + b"\n")

    @abstractmethod
    async def hear(self, told: dict[str, Any]) -> None:
        """Take in one line of what it tells."""

    async def _read(self) -> None:
        assert self._process is not None
        assert self._process.stdout is not None
        async for line in self._process.stdout:
            await self.hear(json.loads(line))
