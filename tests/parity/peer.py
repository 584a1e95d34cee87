"""Runs `gateways.ts` in real NestJS, and the scripts of the clients, in one Node process."""

import asyncio
import shutil
import subprocess
from pathlib import Path
from typing import Any

from tests.deadlines import PROCESS_SECONDS
from tests.node_driver import NodeDriver

_FOLDER = Path(__file__).parent
_ROOT = _FOLDER.parents[1]
_NEST = _ROOT / "bench" / "peers" / "nest-prisma" / "node_modules"  # installed for the tests
_CLIENT = _ROOT / "tests" / "e2e" / "js" / "node_modules" / "socket.io-client"

Line = list[Any]
"""The client's name, the event, and the event's arguments."""


class NestPeer(NodeDriver):
    """The process that serves the gateways in NestJS and runs the scripts.

    Attributes:
        url: The URL of the Nest server.
        scripts: The names of the scripts.
    """

    url: str
    scripts: list[str]

    def __init__(self, folder: Path) -> None:
        super().__init__(folder)
        self._reports = asyncio.Queue[dict[str, Any]]()

    async def start(self) -> None:
        """Start the process, and wait until Nest listens."""
        await super().start()
        report = await self._next_report()
        self.url, self.scripts = report["url"], report["scripts"]

    async def run(self, script: str, *urls: str) -> list[list[Line]]:
        """Run a script on each server at the same time, and return the transcripts."""
        self.send({"script": script, "urls": urls})
        transcripts: list[list[Line]] = (await self._next_report())["transcripts"]
        return transcripts

    async def handle(self, report: dict[str, Any]) -> None:
        await self._reports.put(report)

    async def _next_report(self) -> dict[str, Any]:
        async with asyncio.timeout(PROCESS_SECONDS):
            return await self._reports.get()


def compile_into(folder: Path) -> None:
    """Compile the gateways in a folder with the packages of both the server and the client."""
    if not (_NEST.is_dir() and _CLIENT.is_dir()):
        raise FileNotFoundError("the Node packages are missing; run: make clients")
    for pattern in ("*.ts", "*.mjs", "*.json"):
        for file in _FOLDER.glob(pattern):
            shutil.copy(file, folder)
    packages = folder / "node_modules"
    packages.mkdir()
    for package in (*_NEST.iterdir(), _CLIENT):
        (packages / package.name).symlink_to(package)
    compiler = packages / "typescript" / "bin" / "tsc"
    subprocess.run(["node", compiler, "--project", folder], check=True, timeout=PROCESS_SECONDS)  # noqa: S603, S607
