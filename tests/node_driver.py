"""A Node process that tests control. Commands and reports are lines of JSON."""

import asyncio
import json
from abc import ABC, abstractmethod
from asyncio.subprocess import PIPE, Process
from pathlib import Path
from typing import Any, TypeVar

from tests.deadlines import PROCESS_SECONDS

T = TypeVar("T")

_ROOT = Path(__file__).parents[1]
_LINE_LIMIT_BYTES = 4 * 1024 * 1024


class NodeDriver(ABC):
    """The process that runs a script in a folder. The process exits when its input ends.

    Attributes:
        reader: Handles the process's reports until the process exits.
    """

    def __init__(self, folder: Path, *arguments: str, script: str = "driver.mjs") -> None:
        self._folder = folder
        self._script = script
        self._arguments = arguments
        self._process: Process | None = None
        self.reader: asyncio.Task[None] | None = None

    async def start(self) -> None:
        """Start the process. `make test` installs the packages that the script imports."""
        if not (self._folder / "node_modules").is_dir():
            stamp = f"{self._folder.relative_to(_ROOT)}/node_modules/.installed"
            raise FileNotFoundError(f"the Node packages are missing; run: make {stamp}")
        self._process = await asyncio.create_subprocess_exec(
            *("node", self._script, *self._arguments),
            cwd=self._folder,
            stdin=PIPE,
            stdout=PIPE,
            limit=_LINE_LIMIT_BYTES,
        )
        self.reader = asyncio.create_task(self._read())

    async def stop(self) -> None:
        """Close the process's input, and wait until it has exited."""
        assert self._process is not None
        assert self._process.stdin is not None
        assert self.reader is not None
        self._process.stdin.close()
        async with asyncio.timeout(PROCESS_SECONDS):
            await self._process.wait()
            await self.reader

    def send(self, command: dict[str, object]) -> None:
        assert self._process is not None
        assert self._process.stdin is not None
        self._process.stdin.write(json.dumps(command).encode() + b"\n")

    async def answered(self, answer: asyncio.Future[T]) -> T:
        """Wait for the result of a future that `handle` sets."""
        assert self.reader is not None
        first: set[asyncio.Future[Any]] = {answer, self.reader}
        async with asyncio.timeout(PROCESS_SECONDS):
            await asyncio.wait(first, return_when=asyncio.FIRST_COMPLETED)
        assert answer.done(), "the Node process has ended"
        return answer.result()

    @abstractmethod
    async def handle(self, report: dict[str, Any]) -> None:
        """Handle one report of the process."""

    async def _read(self) -> None:
        assert self._process is not None
        assert self._process.stdout is not None
        async for line in self._process.stdout:
            await self.handle(json.loads(line))
