"""The server as an operator runs it, and the other commands: processes in their own folder."""

import asyncio
import os
import signal
import socket
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from aiohttp import ClientSession

from tests.deadlines import ANSWER_SECONDS, PROCESS_SECONDS
from tests.e2e.forked_app import ForkedApp, fork_app

CHECKOUT = Path(__file__).parents[2]


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
        self._process: ForkedApp | None = None
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

    async def start(self) -> None:
        """Run it until it says that it listens, and is ready."""
        self._listening.clear()
        self._process = await _spawn(self.folder, self.settings, "run")
        self._readers = (
            asyncio.create_task(self._read_out()),
            asyncio.create_task(self._read_err()),
        )
        listening = asyncio.create_task(self._listening.wait())
        await asyncio.wait(
            {listening, self._readers[0]}, timeout=PROCESS_SECONDS, return_when="FIRST_COMPLETED"
        )
        listening.cancel()
        assert self._listening.is_set(), f"it did not start: {self.err}"
        async with ClientSession() as http, http.get(f"{self.url}/health/ready") as response:
            assert response.status == 200

    async def stop(self) -> None:
        """Ctrl-C: it has to end, and well."""
        assert self._process is not None
        self._process.send_signal(signal.SIGINT)
        try:
            async with asyncio.timeout(ANSWER_SECONDS):
                code = await self._process.wait()
        except TimeoutError:
            self._process.kill()
            raise
        await asyncio.gather(*self._readers)
        assert code == 0, f"exit code {code}: {self.err}"

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
        async for line in self._process.stdout:
            self.out += line.decode()
            if b"listening on" in line:
                self._listening.set()

    async def _read_err(self) -> None:
        assert self._process is not None
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
    async with asyncio.timeout(PROCESS_SECONDS):
        out, err = await process.communicate(stdin.encode())
        code = await process.wait()
    return Finished(code, out.decode(), err.decode())


def free_port() -> int:
    """A port that was free a moment ago."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


async def _spawn(folder: Path, settings: Mapping[str, str], *arguments: str) -> ForkedApp:
    # Nothing of the developer's own: neither the environment nor an .env in the working directory.
    environment = {"PATH": os.environ["PATH"], "PYTHONPATH": str(CHECKOUT), **settings}
    return await fork_app(folder, environment, *arguments)
