"""The server as an operator runs it, and the other commands: real processes, their own folder."""

import asyncio
import os
import signal
import socket
import sys
from asyncio.subprocess import PIPE, Process
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from aiohttp import ClientSession

CHECKOUT = Path(__file__).parents[2]

START_SECONDS = 20.0
STOP_SECONDS = 2.0
"""How long Ctrl-C may take, clients connected or not."""
END_SECONDS = 60.0
"""How long a test waits for the end of a server: longer than a busy machine takes."""


@dataclass(frozen=True, slots=True)
class Finished:
    """A command that has ended."""

    code: int
    out: str
    err: str


class ServerProcess:
    """``python -m app run`` on a port of its own; it may be started again after `stop`."""

    def __init__(self, folder: Path, settings: Mapping[str, str]) -> None:
        self.folder = folder
        self.port = free_port()
        self.settings = {"PORT": str(self.port), **settings}
        self.out = ""
        self.err = ""
        self._process: Process | None = None
        self._readers: tuple[asyncio.Task[None], ...] = ()
        self._listening = asyncio.Event()

    @property
    def url(self) -> str:
        """Where it listens."""
        return f"http://127.0.0.1:{self.port}"

    @property
    def pid(self) -> int:
        """Of the process that runs."""
        assert self._process is not None
        return self._process.pid

    async def start(self, *options: str) -> None:
        """Run it until it says that it listens, and is ready."""
        self._listening.clear()
        self._process = await _spawn(self.folder, self.settings, "run", *options)
        self._readers = (
            asyncio.create_task(self._read_out()),
            asyncio.create_task(self._read_err()),
        )
        listening = asyncio.create_task(self._listening.wait())
        await asyncio.wait(
            {listening, self._readers[0]}, timeout=START_SECONDS, return_when="FIRST_COMPLETED"
        )
        listening.cancel()
        assert self._listening.is_set(), f"it did not start: {self.err}"
        async with ClientSession() as http, http.get(f"{self.url}/health/ready") as response:
            assert response.status == 200

    async def stop(self) -> None:
        """Ctrl-C: it has to end in time, and well."""
        assert self._process is not None
        self._process.send_signal(signal.SIGINT)
        try:
            async with asyncio.timeout(STOP_SECONDS):
                code = await self._process.wait()
        except TimeoutError:
            self._process.kill()
            raise
        await asyncio.gather(*self._readers)
        assert code == 0, f"exit code {code}: {self.err}"

    def signal(self, number: signal.Signals) -> None:
        """Send it a signal."""
        assert self._process is not None
        self._process.send_signal(number)

    async def ended(self) -> int:
        """Wait for its exit code after a signal."""
        assert self._process is not None
        async with asyncio.timeout(END_SECONDS):
            code = await self._process.wait()
        await asyncio.gather(*self._readers)
        return code

    async def kill(self) -> None:
        """Have it end without a word; start it again before it is stopped."""
        assert self._process is not None
        self._process.kill()
        await self._process.wait()
        await asyncio.gather(*self._readers)

    async def token(
        self, user_id: str, ttl_seconds: int = 60, session_id: str | None = None
    ) -> str:
        """A session token of the development issuer."""
        wanted = {"userId": user_id, "ttlSeconds": ttl_seconds, "sessionId": session_id}
        async with (
            ClientSession() as http,
            http.post(f"{self.url}/dev/token", json=wanted) as answer,
        ):
            assert answer.status == 200
            token: str = (await answer.json())["token"]
            return token

    async def command(self, *arguments: str, stdin: str = "") -> Finished:
        """Another ``python -m app`` with the same settings."""
        return await run_command(self.folder, self.settings, *arguments, stdin=stdin)

    async def _read_out(self) -> None:
        assert self._process is not None
        assert self._process.stdout is not None
        async for line in self._process.stdout:
            self.out += line.decode()
            if b"listening on" in line:
                self._listening.set()

    async def _read_err(self) -> None:
        assert self._process is not None
        assert self._process.stderr is not None
        async for line in self._process.stderr:
            self.err += line.decode()


class Serve(Protocol):
    """Starts a server with these settings; whoever hands this out stops it."""

    async def __call__(self, **settings: str) -> ServerProcess:
        """The server, ready."""


@asynccontextmanager
async def running(folder: Path, settings: Mapping[str, str]) -> AsyncIterator[ServerProcess]:
    """A server from its start to its clean end."""
    server = ServerProcess(folder, settings)
    await server.start()
    try:
        yield server
    finally:
        await server.stop()


async def run_command(
    folder: Path, settings: Mapping[str, str], *arguments: str, stdin: str = ""
) -> Finished:
    """``python -m app ARGUMENTS`` from start to end."""
    process = await _spawn(folder, settings, *arguments)
    async with asyncio.timeout(START_SECONDS):
        out, err = await process.communicate(stdin.encode())
    assert process.returncode is not None
    return Finished(process.returncode, out.decode(), err.decode())


def free_port() -> int:
    """A port that was free a moment ago."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


async def _spawn(folder: Path, settings: Mapping[str, str], *arguments: str) -> Process:
    # Nothing of the developer's own: neither the environment nor an .env in the working directory.
    environment = {"PATH": os.environ["PATH"], "PYTHONPATH": str(CHECKOUT), **settings}
    return await asyncio.create_subprocess_exec(
        sys.executable,
        *("-m", "app", *arguments),
        cwd=folder,
        env=environment,
        stdin=PIPE,
        stdout=PIPE,
        stderr=PIPE,
    )
